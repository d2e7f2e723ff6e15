"""The commands that a script runs, in order, each with whether the script gets to it. Nothing is ever executed.

Followed are variables, `cd`, lists, compound commands, functions, shells in shells, files that are sourced, `set -e`,
redirections that fail, and conditions (see `conditions`). A program that is expected to succeed is taken to do so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fleetkeeper.readers.shell import conditions
from fleetkeeper.readers.shell.command_status import status_of, status_word
from fleetkeeper.readers.shell.conditions import show
from fleetkeeper.readers.shell.dash_syntax import reads_syntax
from fleetkeeper.readers.shell.expansions import calculation, expand, fields_of, remember_names, turns_of, with_programs
from fleetkeeper.readers.shell.parsed_scripts import PARSED
from fleetkeeper.readers.shell.redirections import leaves_behind, opened
from fleetkeeper.readers.shell.script_state import (
    DEEPEST,
    Context,
    ExecutedCommand,
    Outcome,
    choose,
    command_in,
    either_of,
    errors_of,
    substitute_variables,
    take_turn,
)
from fleetkeeper.readers.shell.search_paths import search_path
from fleetkeeper.readers.shell.shell_ends import ends_behind, foreign_descriptor, may_assign
from fleetkeeper.readers.shell.special_commands import SPECIAL, ends_with_its_file
from fleetkeeper.readers.shell.substitutions import follow_substitutions
from fleetkeeper.readers.shell.surroundings import MOST_OF_SCRIPT, Surroundings
from fleetkeeper.readers.shell.syntax_tree import (
    AndOr,
    Case,
    Command,
    For,
    Function,
    Group,
    If,
    Loop,
    Pipeline,
    Script,
    does_nothing,
    program_name,
)
from fleetkeeper.readers.shell.truth import NO, YES, Truth, both, either, opposite
from fleetkeeper.readers.shell.words import Simple, Unreadable, Word, literal_text
from fleetkeeper.readers.shell.wrapper_programs import inner_context, is_bounded, with_first_file, wrappers_run
from fleetkeeper.readers.shell.wrappers import SHELLS, SWITCHERS, new_user, script_of, source, unwrap_command


def executed_commands(script: str, context: Context | None = None) -> list[ExecutedCommand]:
    """Every command of a script that is run, or would be if a condition were met. Raises Unreadable.

    `context` (None: a fresh one) is where the script begins; it is changed, and its `around` gets questions.

    >>> [(found.name, found.reach.value) for found in executed_commands("true || a; false && b; nice c")]
    [('true', True), ('a', False), ('false', True), ('b', False), ('c', True)]
    """
    follower = Follower(context or Context())
    follower.follow_text(script, YES, guard=False)
    return follower.commands


class Follower:
    """Follows one script into `commands`. With `guard`, no failure in what a method follows ends it (`set -e`)."""

    def __init__(self, context: Context) -> None:
        """Nothing is followed yet; `context` is the state of the shell in which the script begins."""
        self.context = context
        self.commands: list[ExecutedCommand] = []
        self.least = self.around.effort.left - MOST_OF_SCRIPT

    @property
    def around(self) -> Surroundings:
        """What is known of the node."""
        return self.context.around

    def follow_text(self, text: str, reach: Truth, guard: bool) -> Outcome:
        """Follow a script from its text, and last, as never run, functions that nothing calls. Raises Unreadable."""
        if self.context.depth > DEEPEST:
            raise Unreadable("too many shells inside each other")
        reach = both(reach, reads_syntax(self.around.shell, text))
        own = set(self.context.functions)
        outcome = self.follow_list(PARSED.parse(text), reach, guard)
        for name in [name for name in self.context.functions if name not in own | self.context.called]:
            self.follow_command(
                self.context.functions[name], Truth(False, f"nothing calls the function `{name}`"), False
            )
        return outcome

    def follow_list(self, script: Script, reach: Truth, guard: bool) -> Outcome:
        """Follow lists; the outcome is the last one's.

        `reach`: they are run; `guard`: a failure ends no script (`set -e`). Where one may have ended the script, what
        those behind it set is certain for all that runs behind them. Raises Unreadable.
        """
        outcome = Outcome()
        for item in script:
            goes_on, number = opposite(outcome.ends), len(self.commands)
            alive = both(goes_on if goes_on.returns else YES, opposite(outcome.leaves))
            kept = self.context
            if item.background:
                self.context = replace(kept, variables=dict(kept.variables))
            next_one = self.follow_and_or(item, both(reach, alive), guard)
            self.context = kept if item.background else self.context
            self.commands[number:] = [run.behind(goes_on) for run in self.commands[number:]]
            outcome = Outcome(
                next_one.status, either(outcome.ends, next_one.ends), either(outcome.leaves, next_one.leaves)
            )
        return outcome

    def follow_and_or(self, item: AndOr, reach: Truth, guard: bool) -> Outcome:
        """Follow `&&` and `||`; `reach`: they are run; `guard`: no failure ends the script. Raises Unreadable."""
        kept = self.context.fate
        judged = guard or bool(item.others)
        swallowed = any(operator == "||" and does_nothing(after) for operator, after in item.others)
        self.context.fate = replace(kept, judged=kept.judged or judged, swallowed=kept.swallowed or swallowed)
        outcome = self.follow_pipeline(item.first, reach, judged)
        self.context.fate = replace(kept, traced=self.context.fate.traced, errors=self.context.fate.errors)
        entered, last = YES, item.first
        for number, (operator, pipeline) in enumerate(item.others, 1):
            entered = outcome.status if operator == "&&" else opposite(outcome.status)
            alive = both(reach, both(entered, both(opposite(outcome.ends), opposite(outcome.leaves))))
            after = self.follow_pipeline(pipeline, alive, guard or number < len(item.others))
            outcome = Outcome(
                choose(entered, after.status, outcome.status),
                either(outcome.ends, both(entered, after.ends)),
                either(outcome.leaves, both(entered, after.leaves)),
            )
            last = pipeline
        if item.background:
            return Outcome()
        if self.context.errexit and not guard and not last.negated and entered.value is True:
            failed = NO if outcome.status.expected else opposite(outcome.status)
            if failed.value is not False:
                failed = replace(failed, why=f"{failed.why}, and `set -e` ends the script there")
            return replace(outcome, ends=either(outcome.ends, failed))
        return outcome

    def follow_pipeline(self, pipeline: Pipeline, reach: Truth, guard: bool) -> Outcome:
        """Follow a pipeline; `reach`: it is run; `guard`: no failure ends the script. Raises Unreadable."""
        if len(pipeline.commands) == 1:
            outcome = self.follow_command(pipeline.commands[0], reach, guard)
        else:
            kept = self.context
            last = program_name(pipeline.commands[-1])
            for command in pipeline.commands:
                into = "" if command is pipeline.commands[-1] or kept.pipefail else last
                fate = replace(kept.fate, piped_into=kept.fate.piped_into or into)
                self.context = replace(kept, variables=dict(kept.variables), before=self.context.before, fate=fate)
                outcome = Outcome(self.follow_command(command, reach, guard).status)
            self.context = replace(kept, before=self.context.before)
            if outcome.status.value is True and not outcome.status.expected:
                outcome = Outcome(Truth(True, outcome.status.why, expected=True))
        return replace(outcome, status=opposite(outcome.status)) if pipeline.negated else outcome

    def follow_command(self, command: Command, reach: Truth, guard: bool) -> Outcome:
        """Follow any command; `reach`: it is run; `guard`: its failure ends no script. Raises Unreadable."""
        take_turn(self.context, self.least)
        if isinstance(command, Simple):
            outcome = self.follow_simple(command, reach, guard)
            self.context.before = command
            return outcome
        if isinstance(command, Function):
            self.context.define(command)
            return Outcome()
        can_start = opened(command.redirected, self.context)
        inside = both(reach, can_start)
        self.context.remember_descriptors(command.redirected)
        if isinstance(command, If):
            outcome = self.follow_if(command, inside, guard)
        elif isinstance(command, Loop):
            outcome = self.follow_loop(command, inside)
        elif isinstance(command, For):
            outcome = self.follow_for(command, inside, guard)
        elif isinstance(command, Case):
            outcome = self.follow_case(command, inside, guard)
        else:
            outcome = self.follow_group(command, inside, guard)
        if can_start.value is False:
            return Outcome(can_start, foreign_descriptor(command.redirected, self.context))
        return outcome

    def follow_group(self, command: Group, reach: Truth, guard: bool) -> Outcome:
        """Follow a group; a subshell's end and variables are not the script's. Raises Unreadable."""
        if self.around.shell == "bash" and (number := calculation(command)):
            return Outcome(number)
        if not command.subshell:
            return self.follow_list(command.body, reach, guard)
        kept = self.context
        self.context = replace(kept, variables=dict(kept.variables))
        outcome = self.follow_list(command.body, reach, guard)
        self.context = kept
        return Outcome(outcome.status)

    def follow_if(self, command: If, reach: Truth, guard: bool) -> Outcome:
        """Follow `if`: each branch is run while its condition is met, and none before it was. Raises Unreadable."""
        outcome, before = Outcome(), YES
        for condition, body in command.branches:
            asked = self.follow_list(condition, both(reach, before), guard=True)
            entered = both(before, both(asked.status, opposite(asked.ends)))
            inside = self.follow_list(body, both(reach, entered), guard)
            outcome = Outcome(
                choose(entered, inside.status, outcome.status),
                either(outcome.ends, either(both(before, asked.ends), both(entered, inside.ends))),
                either(outcome.leaves, both(entered, inside.leaves)),
            )
            before = both(before, opposite(asked.status))
        inside = self.follow_list(command.otherwise, both(reach, before), guard)
        return Outcome(
            choose(before, inside.status, outcome.status),
            either(outcome.ends, both(before, inside.ends)),
            either(outcome.leaves, both(before, inside.leaves)),
        )

    def follow_loop(self, command: Loop, reach: Truth) -> Outcome:
        """Follow `while` and `until`: what comes after a loop without an end is never run. Raises Unreadable."""
        kept, self.context.repeated = self.context.repeated, True
        self.context.loops += 1
        asked = self.follow_list(command.condition, reach, guard=True)
        status = opposite(asked.status) if command.negated else asked.status
        body = self.follow_list(command.body, both(reach, status), guard=False)
        self.context.repeated = kept
        self.context.loops -= 1
        ends = both(status, body.ends)
        if status.value is True and body.leaves.value is False and body.ends.value is False:
            endless = status.why.endswith(("always succeeds", "always fails"))
            ends = Truth(True if endless else None, f"a loop goes on while {status.why}")
        return Outcome(YES, ends)

    def follow_for(self, command: For, reach: Truth, guard: bool) -> Outcome:
        """Follow `for`: a lookup counts as one word, which is there. Raises Unreadable."""
        if not command.name and self.around.shell == "dash":
            return Outcome(NO, Truth(True, "dash, which is /bin/sh here, has no `for ((`"))
        (words, turns), outcome = turns_of(command, self.context), Outcome()
        reach = both(reach, turns)
        self.context.loops += 1
        for word in words:
            self.context.variables[command.name] = word
            inside = self.follow_list(command.body, reach, guard)
            outcome = Outcome(inside.status, both(turns, either(outcome.ends, inside.ends)))
            reach = reach if inside.leaves.returns else both(reach, opposite(inside.leaves))
        self.context.loops -= 1
        return outcome

    def follow_case(self, command: Case, reach: Truth, guard: bool) -> Outcome:
        """Follow `case`: the first clause with a pattern that fits. Raises Unreadable."""
        word = substitute_variables(command.word, self.context)
        value = conditions.known_value(word, self.around)
        outcome, before = Outcome(), YES
        for patterns, body in command.clauses:
            fits = either_of([conditions.pattern_fits(value, literal_text(pattern)) for pattern in patterns])
            entered = both(before, fits)
            inside = self.follow_list(body, both(reach, entered), guard)
            outcome = Outcome(
                choose(entered, inside.status, outcome.status),
                either(outcome.ends, both(entered, inside.ends)),
                either(outcome.leaves, both(entered, inside.leaves)),
            )
            before = both(before, opposite(fits))
        return outcome

    def follow_simple(self, command: Simple, reach: Truth, guard: bool) -> Outcome:
        """Follow a simple command, and store what it sets; `reach`: it is run. Raises Unreadable."""
        can_start = opened(command.redirected, self.context)
        behind = leaves_behind(command.redirected, self.context)
        reach = both(reach, YES if behind else can_start)
        kept = self.context.fate
        self.context.fate = replace(kept, errors=errors_of(() if behind else command.redirected, kept.errors))
        outcome = self.follow_words(command, reach, guard)
        self.context.fate = replace(kept, traced=self.context.fate.traced)
        self.context.variables["?"] = status_word(outcome.status, command, guard or self.context.errexit)
        if [literal_text(word) for word in command.words] == ["exec"]:
            errors = errors_of(command.redirected, self.context.fate.errors)
            self.context.remember_descriptors(command.redirected)
            self.context.fate = replace(self.context.fate, errors=errors)
            return Outcome(can_start, opposite(can_start))
        ends = opposite(can_start) if ends_with_its_file(command, self.around) else NO
        return outcome if can_start.value is True and not behind else Outcome(can_start, ends)

    def follow_words(self, command: Simple, reach: Truth, guard: bool) -> Outcome:
        """Follow a command's words; `reach`: it is run; `guard`: no failure ends the script. Raises Unreadable."""
        context = self.context
        own = {name: with_programs(substitute_variables(word, context), context) for name, word in command.assigned}
        words = [field for word in command.words for field in fields_of(word, context)]
        context.assigned = context.assigned or any(name != "PATH" for name in own)
        written = [*(word for _, word in command.assigned), *command.words]
        goes_on = both(expand(written, context), may_assign(own, context))
        status = both(goes_on, follow_substitutions(self, written, reach, guard or context.errexit))
        if goes_on.value is not True:
            return Outcome(status, opposite(goes_on))
        if not words:
            context.remember(own, reach)
            return Outcome(status)
        name = literal_text(words[0]) or ""
        remember_names(words, context, reach)
        if name in context.functions:
            return self.call_function(name, words[1:], reach, guard)
        context.variables.update({name: value for name, value in own.items() if name == "CDPATH"})
        if name in SPECIAL:
            return SPECIAL[name](self, words, reach, guard)
        return self.follow_program(words, own, reach, guard)

    def call_function(self, name: str, arguments: Sequence[Word], reach: Truth, guard: bool) -> Outcome:
        """Follow a function where it is called; `return` ends only the function. Raises Unreadable."""
        kept = self.context.enter_function(name, arguments)
        if self.context.depth > DEEPEST:
            raise Unreadable("its functions call each other too deep")
        outcome = self.follow_command(self.context.functions[name], reach, guard)
        self.context.leave_function(kept)
        return replace(outcome, ends=NO) if outcome.ends.returns else outcome

    def follow_program(self, words: Sequence[Word], own: Mapping[str, Word], reach: Truth, guard: bool) -> Outcome:
        """Follow a program, behind wrappers and inside shells. `own` are its assignments. Adds to `commands`.

        Raises Unreadable.
        """
        context = self.context
        rest, path, assigned = unwrap_command(words)
        context.assigned = context.assigned or assigned
        set_path = search_path(own, context) or path
        reach = both(reach, wrappers_run(words, rest, set_path or context.around.search_path, context))
        name = (literal_text(rest[0]) or "").rpartition("/")[2] if rest else ""
        user = new_user(words[: len(words) - len(rest)]) or context.user
        if name in SHELLS | SWITCHERS | {"eval"}:
            anywhere = name in SWITCHERS
            script = " ".join(map(source, rest[1:])) if name == "eval" else script_of(rest[1:], anywhere=anywhere)
            if script is not None:
                inner = inner_context(context, (words, rest), own, new_user(rest) if anywhere else user)
                outcome = self.follow_inner(with_first_file(script, name, inner), inner, reach, guard)
                self.context.errexit |= name == "eval" and inner.errexit
                return Outcome(outcome.status, outcome.ends if name == "eval" else NO)
        self.commands.append(command_in(context, (rest, words), own, reach, set_path))
        if rest and literal_text(words[0]) == "exec":
            return Outcome(YES, Truth(True, f"{show(words)} takes the place of the shell"))
        status = status_of(rest or words, set_path or context.around.search_path, guard, context)
        return Outcome(status, NO if is_bounded(words, rest) else ends_behind(rest, context))

    def follow_inner(self, script: str, inner: Context, reach: Truth, guard: bool) -> Outcome:
        """Follow a script that a shell inside this one, with the state `inner`, runs. Raises Unreadable."""
        kept, self.context = self.context, inner
        outcome = self.follow_text(script, reach, guard)
        self.context = kept
        return outcome
