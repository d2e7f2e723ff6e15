#!/bin/sh
# `fits FORMS WORD…` says whether the words are those of a question: `=NAME` is a constant text, anything else a kind of
# word, with `*` behind it any number of them.

fits() { # forms words
  forms=$1; shift
  for form in $forms; do
    case $form in
    *'*') for word; do "is_${form%?}" "$word" || return 1; done; return 0 ;;
    =*) [ $# -gt 0 ] && eval "[ \"\$1\" = \"\$${form#=}\" ]" || return 1; shift ;;
    *) [ $# -gt 0 ] && "is_$form" "$1" || return 1; shift ;;
    esac
  done
  [ $# = 0 ]
}
