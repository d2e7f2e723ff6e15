"""Parsing of a script into its lists, pipelines and compound commands: which command decides whether another runs.

Its functions raise Unreadable for what is no correct script, and for syntax that is not supported here.

Source: dash(1), bash(1); POSIX.1-2017, Shell Command Language, 2.10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from fleetkeeper.readers.shell.syntax_tree import (
    AndOr,
    Case,
    Command,
    Compound,
    For,
    Function,
    Group,
    If,
    Loop,
    Pipeline,
    Script,
    simple_command,
)
from fleetkeeper.readers.shell.words import LONGEST, Part, Reader, Simple, Unreadable, Word, assignment, literal_text

MOST_NESTED = 32
"""Limit of compound commands inside each other, so that parsing ends."""
BEGINS = frozenset({"if", "while", "until", "for", "{", "case", "function"})
ENDS = frozenset({"then", "else", "elif", "fi", "do", "done", "}", "esac", "select"})
FULL = " of its compound commands is not complete"


@dataclass(frozen=True)
class Redirection:
    """One redirection: its operator and the word after it."""

    operator: str
    target: Word


Lexeme = Word | str | Redirection


def parse_script(text: str) -> Script:
    """The lists of a script, in the order in which they are written. Raises Unreadable.

    >>> [script] = parse_script("test -f x && docker ps || exit 1")
    >>> [operator for operator, _ in script.others]
    ['&&', '||']
    """
    if len(text) > LONGEST or "\0" in text:
        raise Unreadable("too long, or not text")
    parser = Parser(lexemes(text))
    script = parser.parse_list(frozenset())
    if parser.peek() is not None:
        raise Unreadable("a bracket or a reserved word stands where none may")
    return script


def lexemes(text: str) -> list[Lexeme]:
    """The words, separators and redirections of a script, in their order. Raises Unreadable.

    A redirection comes before the word or separator that follows it. Comments are left out.
    """
    reader = Reader(text, documents=True)
    found: list[Lexeme] = []
    read = 0
    for token in reader.tokens():
        found += [Redirection(*pair) for pair in reader.redirected[read:]]
        read = len(reader.redirected)
        found.append(token)
    return [*found, *(Redirection(*pair) for pair in reader.redirected[read:])]


class Parser:
    """A parser by descent over lexemes. Its methods raise Unreadable."""

    def __init__(self, items: list[Lexeme]) -> None:
        """A parser of these lexemes, from the first on."""
        self.items = items
        self.at = self.depth = 0

    def peek(self, ahead: int = 0) -> Lexeme | None:
        """The next lexeme, or one further on; None at the end. It is not consumed."""
        index = self.at + ahead
        return self.items[index] if index < len(self.items) else None

    def keyword(self) -> str:
        """The text of the next lexeme where that is a plain word, else ""."""
        item = self.peek()
        return (literal_text(item) or "") if isinstance(item, tuple) else ""

    def skip_lines(self) -> None:
        """Go on behind line ends."""
        while self.peek() == "\n":
            self.at += 1

    def expect(self, word: str) -> None:
        """Move behind this reserved word or operator. Raises Unreadable where another one is next."""
        if self.keyword() != word and self.peek() != word:
            raise Unreadable(f"`{word}` is missing: one{FULL}")
        self.at += 1

    def parse_list(self, ends: frozenset[str]) -> Script:
        """The and-or lists up to a word among `ends`, a closing bracket, `;;` or the end. Raises Unreadable."""
        lists: list[AndOr] = []
        while True:
            self.skip_lines()
            if self.peek() in (None, ")", ";;") or self.keyword() in ends:
                return tuple(lists)
            item = self.parse_and_or()
            if self.peek() == "&":
                item = replace(item, background=True)
                self.at += 1
            elif self.peek() == ";":
                self.at += 1
            elif self.peek() not in ("\n", None, ")", ";;"):
                raise Unreadable("its commands are not apart from each other")
            lists.append(item)

    def parse_and_or(self) -> AndOr:
        """The pipelines that `&&` and `||` join. Raises Unreadable."""
        first = self.parse_pipeline()
        others: list[tuple[Literal["&&", "||"], Pipeline]] = []
        while (operator := self.peek()) in ("&&", "||"):
            self.at += 1
            self.skip_lines()
            others.append(("&&" if operator == "&&" else "||", self.parse_pipeline()))
        return AndOr(first, tuple(others))

    def parse_pipeline(self) -> Pipeline:
        """The commands that `|` joins. Raises Unreadable."""
        negated = False
        while self.keyword() == "!":
            negated = not negated
            self.at += 1
        commands = [self.parse_command()]
        while self.peek() in ("|", "|&"):
            self.at += 1
            self.skip_lines()
            command = self.parse_command()
            commands.append(replace(command, piped=True) if isinstance(command, Simple) else command)
        return Pipeline(tuple(commands), negated)

    def parse_command(self) -> Command:
        """The next command, simple or compound. Raises Unreadable."""
        word = self.keyword()
        if word in ENDS:
            raise Unreadable(f"`{word}` stands where no command does")
        if word in BEGINS or self.peek() == "(":
            self.depth += 1
            if self.depth > MOST_NESTED:
                raise Unreadable("its compound commands are nested too deep")
            command = self.parse_compound(word)
            self.depth -= 1
            return command
        return self.parse_simple()

    def parse_compound(self, word: str) -> Compound:
        """The compound command that begins here, with its redirections. Raises Unreadable."""
        readers: dict[str, Callable[[], Compound]] = {
            "if": self.parse_if,
            "while": self.parse_loop,
            "until": self.parse_loop,
            "for": self.parse_for,
            "case": self.parse_case,
            "function": self.parse_keyword_function,
        }
        command = readers.get(word, self.parse_group)()
        redirected: list[tuple[str, Word]] = []
        while isinstance(item := self.peek(), Redirection):
            redirected.append((item.operator, item.target))
            self.at += 1
        return replace(command, redirected=tuple(redirected)) if redirected else command

    def parse_group(self) -> Group:
        """A group in braces or brackets. Raises Unreadable. Moves behind it. It is raised where it is not closed."""
        subshell = self.peek() == "("
        self.at += 1
        body = self.parse_list(frozenset() if subshell else frozenset({"}"}))
        self.expect(")" if subshell else "}")
        return Group(body, subshell)

    def parse_if(self) -> If:
        """The `if` that begins here, up to its `fi`. Raises Unreadable."""
        branches: list[tuple[Script, Script]] = []
        otherwise: Script = ()
        while self.keyword() in ("if", "elif"):
            self.at += 1
            condition = self.parse_list(frozenset({"then"}))
            self.expect("then")
            branches.append((condition, self.parse_list(frozenset({"elif", "else", "fi"}))))
        if self.keyword() == "else":
            self.at += 1
            otherwise = self.parse_list(frozenset({"fi"}))
        self.expect("fi")
        return If(tuple(branches), otherwise)

    def parse_body(self) -> Script:
        """The lists between `do` and `done`. Raises Unreadable."""
        self.expect("do")
        body = self.parse_list(frozenset({"done"}))
        self.expect("done")
        return body

    def parse_loop(self) -> Loop:
        """The `while` or `until` that begins here, up to its `done`. Raises Unreadable."""
        negated = self.keyword() == "until"
        self.at += 1
        condition = self.parse_list(frozenset({"do"}))
        return Loop(condition, self.parse_body(), negated)

    def parse_for(self) -> For | Loop:
        """The loop that begins here with `for`, up to its `done`, which is consumed. Raises Unreadable.

        A For, whose words are None without `in`; `for ((;;))` is an endless Loop, any other `for ((…))` a For with one
        word that is not known.
        """
        self.at += 1
        if self.peek() == "(":
            return self.parse_counting_loop()
        name = self.keyword()
        self.at += 1
        self.skip_lines()
        words: list[Word] | None = None
        if self.keyword() == "in":
            self.at += 1
            words = []
            while isinstance(item := self.peek(), tuple):
                words.append(item)
                self.at += 1
        while self.peek() in (";", "\n"):
            self.at += 1
        return For(name, None if words is None else tuple(words), self.parse_body())

    def parse_counting_loop(self) -> For | Loop:
        """The `for ((…; …; …))` of bash: a loop without an end where nothing stands between the semicolons.

        Any other counts as one turn. Raises Unreadable.
        """
        inside: list[Lexeme] = []
        while self.peek() != ")":
            if self.peek() is None:
                raise Unreadable("`for ((` is not closed")
            inside.append(self.items[self.at])
            self.at += 1
        self.expect(")")
        self.expect(")")
        while self.peek() in (";", "\n"):
            self.at += 1
        if all(item in ("(", ";", ";;") for item in inside):
            return Loop(parse_script(":"), self.parse_body())
        return For("", ((Part("variable", "a number"),),), self.parse_body())

    def parse_case(self) -> Case:
        """The `case WORD in` that begins here, up to its `esac`. Raises Unreadable."""
        word = self.peek(1)
        if not isinstance(word, tuple):
            raise Unreadable(f"one{FULL}")
        self.at += 2
        self.skip_lines()
        self.expect("in")
        clauses: list[tuple[tuple[Word, ...], Script]] = []
        self.skip_lines()
        while self.keyword() != "esac":
            clauses.append((self.parse_patterns(), self.parse_list(frozenset({"esac"}))))
            if self.peek() == ";;":
                self.at += 1
            self.skip_lines()
        self.expect("esac")
        return Case(word, tuple(clauses))

    def parse_patterns(self) -> tuple[Word, ...]:
        """The patterns before a clause, up to their closing bracket. Raises Unreadable."""
        patterns: list[Word] = []
        if self.peek() == "(":
            self.at += 1
        while (item := self.peek()) != ")":
            if isinstance(item, tuple):
                patterns.append(item)
            elif item != "|":
                raise Unreadable(f"one{FULL}")
            self.at += 1
        self.at += 1
        return tuple(patterns)

    def parse_keyword_function(self) -> Function:
        """The definition `function NAME { …; }` that begins here. Raises Unreadable."""
        self.at += 1
        name = self.keyword()
        self.at += 1
        while self.peek() in ("(", ")", "\n"):
            self.at += 1
        return Function(name, self.parse_command(), keyword=True)

    def parse_simple(self) -> Command:
        """A simple command, or the definition of a function. Raises Unreadable."""
        words: list[Word] = []
        redirected: list[tuple[str, Word]] = []
        while (item := self.peek()) is not None and not isinstance(item, str):
            self.at += 1
            if isinstance(item, Redirection):
                redirected.append((item.operator, item.target))
            elif literal_text(item) == "[[":
                words = [*words, *self.double_bracket(item)]
            else:
                words.append(item)
            if self.peek() == "(" and words:
                if len(words) == 1 and self.peek(1) == ")":
                    return self.parse_function(literal_text(words[0]) or "")
                self.skip_array(words)
        if not words and not redirected:
            raise Unreadable("a command is missing")
        return simple_command(words, redirected)

    def parse_function(self, name: str) -> Function:
        """The definition of the function `name`, from its brackets on. Raises Unreadable."""
        self.at += 2
        self.skip_lines()
        return Function(name, self.parse_command())

    def skip_array(self, words: list[Word]) -> None:
        """Skip the array that is assigned by the last of `words`, and make its value unknown. Raises Unreadable."""
        last = words[-1]
        if not (assignment(last) and last and last[-1].text.endswith("=")):
            raise Unreadable("a bracket stands where none may")
        while self.peek() not in (")", None):
            self.at += 1
        self.expect(")")
        words[-1] = (*last, Part("variable", "an array"))

    def double_bracket(self, first: Word) -> list[Word]:
        """The words of `[[ … ]]`; operators become words: there they neither part nor redirect. Raises Unreadable."""
        words = [first]
        while literal_text(words[-1]) != "]]":
            item = self.peek()
            if item is None:
                raise Unreadable("`[[` is not closed")
            self.at += 1
            if isinstance(item, Redirection):
                words += [(Part("text", item.operator),), item.target]
            else:
                words.append((Part("text", item),) if isinstance(item, str) else item)
        return words
