#!/bin/sh
# `digested KEY` reads lines of `ID "NAME=VALUE"` and prints of each `ID "NAME` and SHA-256 of the key and the JSON text:
# seven lines of names, then their seven digests. A name without `=` has its closing quote.
#
# Values are in no argument of a process and in no file. A here-document of up to 4 KiB is written into a pipe by the
# shell itself, so that one process digests seven values.

digest() {
  LC_ALL=C sha256sum /dev/fd/3 /dev/fd/4 /dev/fd/5 /dev/fd/6 /dev/fd/7 /dev/fd/8 /dev/fd/9 3<<3 4<<4 5<<5 6<<6 7<<7 8<<8 9<<9
$key
$a
3
$key
$b
4
$key
$c
5
$key
$d
6
$key
$e
7
$key
$f
8
$key
$g
9
}
take() {
  IFS=' ' read -r id "$1" || return
  [ -n "$id" ] || { take "$1"; return; }
  eval "printf '%s %s\n' \"\$id\" \"\${$1%%=*}\""
}
digested() {
  key=$1
  while
    a='' b='' c='' d='' e='' f='' g=''
    take a
  do
    take b && take c && take d && take e && take f && take g
    digest
  done
}
