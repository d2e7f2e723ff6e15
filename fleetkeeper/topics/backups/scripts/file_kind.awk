# Prints what a file is by its first bytes, given as od prints them in hex: a word of `signs`, tar, zeros, nothing, text
# or binary.

{ hex = hex " " $0 }
END {
  odd = (hex " ") ~ / (0[0-8bef]|1[0-9a-f]|7f) /
  zeros = hex !~ /[1-9a-f]/
  gsub(/[^0-9a-f]/, "", hex)
  if (hex == "") { print "nothing"; exit }
  if (zeros) { print "zeros"; exit }
  if (substr(hex, 515, 10) == "7573746172") { print "tar"; exit }
  many = split(signs, sign, " ")
  for (i = 1; i < many; i += 2) if (index(hex, sign[i]) == 1) { print sign[i + 1]; exit }
  print (odd ? "binary" : "text")
}
