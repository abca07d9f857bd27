# Writes objpool.h with every weakening in it at once, each behind a switch: WEAKENED=17 in the environment of a program
# built with that header turns the 17th on. So the tests are compiled once, and not once for each weakening.
# On the file named by `list`: number, kind, function, occurrence, line, statement, as columns with tabs between. The statement is what
# stands between two of `;`, `{` and `}`, or the head of an `if` or a loop, on one line and without comments: kind, function, statement
# without white space, and occurrence where a function has the same more than once, are a key that outlives a comment, a reformatting, and
# a function that moves.
#
# awk -v list=FILE -f weaken.awk objpool.h >weakened/objpool.h
#
#   order       a memory order becomes relaxed; needs clang, which takes an order that is no constant at its word
#   barrier     a barrier is left out: the membarrier by the switch, a compiler barrier by -DWITHOUT=17, for it acts while compiling
#   check       an `if` is never taken: each in the rooms where threads meet, elsewhere each that leaves at once (not in the
#               rooms that only format, and read the system's files)
#   overflow    an arithmetic overflow goes unnoticed
#   count       a count that others decide by is not changed
#   statistics  a count or peak that only statistics show is not updated
#   tag         the depot's tag stays the same, or an object's word is not written
#   bound       a comparison is off by one, in the rooms where threads meet
#   drop        a plain statement is left out: a call, a store, an assignment to what outlives the function, or of a constant; an `if`
#               whose only statement it is, with it. (Not what one of the kinds above leaves out already, not in the rooms that only
#               format, and read the system's files. Assertions are not there in what is built with it.)
#   pair        a lock is not taken, and what unlocks it in the same function is left out with it

function add(line, column, text) { insertions++; at_line[insertions] = line; at_column[insertions] = column; inserted[insertions] = text }

# A mutant at this place; returns the expression that says whether it is on.
function mutant(kind, line, column,   text, key) {
  total++
  text = statement_at(line, column)
  key = kind "\t" owner[line] "\t" text
  gsub(/ /, "", key)
  printf "%d\t%s\t%s\t%d\t%d\t%s\n", total, kind, owner[line], ++seen[key], line, text >list
  return "weakened(" total ")"
}

# Where each statement begins, and what it says.
function find_statements(   line, column, c, depth, text) {
  depth = 0
  text = ""
  for (line = 1; line <= NR; line++) {
    if (continuing[line] != continuing[line - 1]) { end_statement(text); text = ""; depth = 0 } # a macro begins or ends
    for (column = 1; column <= length(code[line]); column++) {
      c = substr(code[line], column, 1)
      if (text == "" && c ~ /[ \t\\]/) continue
      if (text == "") { begun++; begin_line[begun] = line; begin_column[begun] = column }
      text = text c
      c = substr(bare[line], column, 1)
      depth += c == "(" ? 1 : c == ")" ? -1 : 0
      if (depth == 0 && (c ~ /[;{}]/ || (c == ")" && text ~ /^(else +)?(if|for|while|switch) *\(/))) { end_statement(text); text = "" }
    }
    if (text != "") text = text " "
    last_begun[line] = begun
  }
}

function end_statement(text) {
  if (text == "") return
  gsub(/[ \t\\]+/, " ", text)
  sub(/^else /, "", text)
  sub(/ $/, "", text)
  says[begun] = text
}

function statement_at(line, column,   i) {
  for (i = last_begun[line]; begin_line[i] == line && begin_column[i] > column; i--);
  return says[i]
}

# Where the parenthesis that opens there closes: sets closing_line and closing_column; false if not within twelve lines.
function closes(line, column,   depth, c) {
  for (closing_line = line; closing_line < line + 12; closing_line++) {
    for (closing_column = closing_line == line ? column : 1; closing_column <= length(code[closing_line]); closing_column++) {
      c = substr(code[closing_line], closing_column, 1)
      if (c == "(") depth++
      if (c == ")" && --depth == 0) return 1
    }
  }
  return 0
}

# Whether what follows the closed condition leaves at once.
function leaves(line, column,   rest) {
  rest = substr(code[line], column + 1)
  if (rest ~ /^ \{? *$/) rest = code[line + 1]
  return rest ~ /^ *(return|continue|break|goto|errno = )/
}

# The next place of a pattern in the line, after column; 0: none. match() sets RLENGTH.
function next_match(line, pattern, after,   rest) {
  rest = substr(code[line], after + 1)
  if (!match(rest, pattern)) return 0
  return after + RSTART
}

# ---- plain statements

# Whether the parts of a pair come by these names: sets half to what it ends with.
function begins_pair(call) {
  half = call == "objpool__lock" ? "objpool__unlock" : call == "objpool__spin_lock" ? "objpool__spin_unlock" : \
         call == "objpool__registry_enter" ? "objpool__registry_leave" : call == "objpool__gather_begin" ? "objpool__gather_end" : \
         call == "pthread_mutex_lock" ? "pthread_mutex_unlock" : ""
  return half != ""
}

# What stands between two places, lines joined.
function between(line, column, last_line, last_column,   text) {
  if (line == last_line) return substr(code[line], column, last_column - column + 1)
  text = substr(code[line], column)
  for (line++; line < last_line; line++) text = text " " code[line]
  return text " " substr(code[line], 1, last_column)
}

# Whether an expression statement is one to leave out. `checked`: the `if` around it is left out as a check.
function droppable(text, line, checked) {
  if (prints[line]) return 0
  if (text ~ /^\(void\)[a-z_]+[,;]/ || text ~ /^\(void\)fprintf/) return 0                    # says only that something is unused
  if (text ~ /^(const |unsigned |struct |static |typedef |enum |__typeof__|extern )/) return 0 # declarations
  if (text ~ /^[A-Za-z_][A-Za-z_0-9]* +\**[A-Za-z_]/) return 0
  if (text ~ /^(return|break|continue|goto)[^a-z_]/) return 0
  if (text ~ /^(objpool__unlock|objpool__spin_unlock|objpool__registry_leave|objpool__gather_end|pthread_mutex_unlock)\(/) return 0 # of another function's lock
  if (text ~ /^(__asm__|OBJPOOL__BRANCH|OBJPOOL__IF_COUNTED|OBJPOOL_ASSERT|OBJPOOL_PANIC|abort)/) return 0
  if (text ~ /, 1, __ATOMIC/ || text ~ /(\+\+|--);$/) return 0                                 # counts
  if (text ~ /^objpool__(add|count|count_one|cached_taken|cached_returned|uncached_taken|uncached_returned|raise|watch|watch_own)\(/) return 0          # statistics
  if (text ~ /^OBJPOOL__STORE\([a-z]+->(peak_in_use|peak_idle|since_ns),/) return 0
  if (text ~ /^(stats|sum)\.[a-z_]+ \+?= /) return 0
  if (text ~ /^\*objpool__tag\([a-z]*\) = /) return 0                                         # tags
  if (checked) return 0
  if (text ~ /^(\(void\))?[A-Za-z_][A-Za-z_0-9]*\(/) return 1                                # calls and stores
  if (text ~ /^[^=]*[^=!<>]=[^=]/) {
    return text ~ /^[*(]/ || text ~ /^[a-z_0-9]+(->|\.|\[)/ || text ~ /^errno = / || \
           text ~ /^[a-z_]+ = (true|false|NULL|0);$/ || text ~ /^[a-z_]+(->[a-z_]+|\.[a-z_]+)+ = /
  }
  return 0
}

# The next place at or after this one that is no blank: sets place_line, place_column; false at the end of the file.
function next_place(line, column) {
  for (; line <= NR; line++) {
    for (; column <= length(body[line]); column++) if (substr(body[line], column, 1) !~ /[ \t]/) { place_line = line; place_column = column; return 1 }
    column = 1
  }
  return 0
}

# Where the parenthesis or brace that opens there closes: sets place_line, place_column to it.
function skip_nest(line, column,   depth, c) {
  for (; line <= NR; line++) {
    for (; column <= length(body[line]); column++) {
      c = substr(body[line], column, 1)
      if (c == "(" || c == "{" || c == "[") depth++
      if ((c == ")" || c == "}" || c == "]") && --depth == 0) { place_line = line; place_column = column; return 1 }
    }
    column = 1
  }
  return 0
}

# Goes over the statements of a function whose body opens there; leaves place_line, place_column at its end.
function statements(line, column,   depth, c, rest, word, first_line, first_column, checked, end_line, end_column, text, name, what, number) {
  split("", open_pair)
  depth = 1
  checked = 0
  column++
  while (depth > 0 && next_place(line, column)) {
    line = place_line; column = place_column
    rest = substr(body[line], column)
    c = substr(rest, 1, 1)
    if (c == "{" || c == "}" || c == ";") {
      depth += c == "{" ? 1 : c == "}" ? -1 : 0
      checked = 0
      column++
      continue
    }
    match(rest, /^[A-Za-z_0-9]*/)
    word = substr(rest, 1, RLENGTH)
    if (word == "else" || word == "do") { column += RLENGTH; checked = 0; continue }
    if (word == "case" || word == "default") { column += index(rest, ":"); checked = 0; continue }
    if (word == "if" || word == "for" || word == "while" || word == "switch") {
      checked = word == "if" && meeting[line]
      next_place(line, column + RLENGTH)
      skip_nest(place_line, place_column)
      if (word == "if" && !plain[line] && leaves(place_line, place_column)) checked = 1
      line = place_line; column = place_column + 1
      continue
    }
    # a statement up to its semicolon
    first_line = line; first_column = column
    while (next_place(line, column)) {
      line = place_line; column = place_column
      c = substr(body[line], column, 1)
      if (c == ";" || c == "}") break # a macro may end without one
      if (c == "(" || c == "{" || c == "[") { skip_nest(line, column); line = place_line; column = place_column }
      column++
    }
    if (c == "}") { checked = 0; continue }
    end_line = line; end_column = column
    text = between(first_line, first_column, end_line, end_column)
    gsub(/ +/, " ", text)
    column++
    if (next_place(line, column) && substr(body[place_line], place_column) ~ /^else[^a-z_]/) checked = 0 # what else is done stays
    match(text, /^[A-Za-z_][A-Za-z_0-9]*/)
    name = RLENGTH > 0 ? substr(text, 1, RLENGTH) : ""
    what = substr(text, RLENGTH + 1)
    if (begins_pair(name) && !prints[first_line]) {
      # `what` is the lock; from here on its unlocks belong to this one
      number = mutant("pair", first_line, first_column)
      open_pair[half what] = number
      add(first_line, first_column, number " ? (void)0 : (void)(")
      add(end_line, end_column, ")")
    } else if ((name what) in open_pair) {
      add(first_line, first_column, open_pair[name what] " ? (void)0 : (void)(")
      add(end_line, end_column, ")")
    } else if (droppable(text, first_line, checked)) {
      add(first_line, first_column, mutant("drop", first_line, first_column) " ? (void)0 : (void)(")
      add(end_line, end_column, ")")
    }
    checked = 0
  }
}

# The functions of the file.
function functions(   line, column, previous, c) {
  for (line = 1; line <= NR; line++) body[line] = continuing[line] ? "" : bare[line]
  line = column = 1
  previous = ""
  while (next_place(line, column)) {
    line = place_line; column = place_column
    c = substr(body[line], column, 1)
    if (c == "{") {
      if (previous == ")") statements(line, column)
      else if (code[line] ~ /extern "C/) { previous = ""; column++; continue }
      else skip_nest(line, column)
      line = place_line; column = place_column
      previous = "}"
    } else {
      previous = c
    }
    column++
  }
}

{ source[NR] = code[NR] = $0 }

# What is code, and in which function: the rest of `code` is emptied.
/---.*>>core \*\/$/ { inside = 1; room = "core" }
/^\/\* ---- room: .*>>/ { room = $0; sub(/^.* >>/, "", room) }
{
  text = $0
  if (comment) {
    if (!(at = index(text, "*/"))) text = ""
    else { text = sprintf("%" (at + 1) "s", "") substr(text, at + 2); comment = 0 }
  }
  while ((at = index(text, "/*")) > 0) {
    if ((end = index(substr(text, at + 2), "*/")) > 0) text = substr(text, 1, at - 1) sprintf("%" (end + 3) "s", "") substr(text, at + end + 3)
    else { text = substr(text, 1, at - 1); comment = 1 }
  }
  if ((at = index(text, "//")) > 0 && text !~ /"[^"]*\/\//) text = substr(text, 1, at - 1)
  if (text ~ /^#define [A-Z_]*\(/) { split(substr(text, 9), word, "("); where = word[1] }
  else if (text ~ /^[A-Za-z].*objpool[a-z0-9_]*\(/ && text !~ /;[ ]*$/) {
    head = text
    sub(/__attribute__\(\([^)]*\)\)/, "", head)
    match(head, /objpool[a-z0-9_]*\(/)
    where = substr(head, RSTART, RLENGTH - 1)
  }
  continued = text ~ /^#define/ || (continued && source[NR - 1] ~ /\\$/)
  if (!inside || text ~ /^#/) text = ""
  code[NR] = text
  continuing[NR] = NR > 1 && source[NR - 1] ~ /\\$/
  owner[NR] = where
  meeting[NR] = room ~ /^(core|process|depot|limits|counts|peaks|commons|waiting|revocation|slot|threads|uncached|cached|trimming|acquiring|releasing|forks|life)$/
  plain[NR] = room ~ /^(output|pressure|maintenance|monitor)$/
  prints[NR] = room ~ /^(output|pressure|system|panics)$/ || where == "objpool__alert_message"
}

END {
  for (line = 1; line <= NR; line++) {
    bare[line] = code[line]
    while (match(bare[line], /"([^"\\]|\\.)*[^"`]"|'[^']+'|'\\''/)) # what stands in strings is no code
      bare[line] = substr(bare[line], 1, RSTART - 1) sprintf("%" RLENGTH "s", "") substr(bare[line], RSTART + RLENGTH)
  }
  find_statements()
  for (line = 1; line <= NR; line++) {
    if (code[line] ~ /^[ \t]*$/) continue
    for (column = 0; (column = next_match(line, "__ATOMIC_(SEQ_CST|ACQUIRE|RELEASE|ACQ_REL)", column)) > 0;) {
      width = RLENGTH
      add(line, column, "(" mutant("order", line, column) " ? __ATOMIC_RELAXED : ")
      add(line, column + width, ")")
    }
    if ((column = next_match(line, "objpool__membarrier\\(false\\)", 0)) > 0) {
      add(line, column, "(" mutant("barrier", line, column) " || ")
      add(line, column + RLENGTH, ")")
    }
    if ((column = next_match(line, "__asm__ volatile\\(\"\".*\\);", 0)) > 0) {
      width = RLENGTH
      mutant("barrier", line, column)
      add(line, column, "UNLESS_" total "(")
      add(line, column + width - 1, ")")
      unless[total] = 1
    }
    for (column = 0; (column = next_match(line, "(^|[^a-z_])if \\(", column)) > 0;) {
      column += RLENGTH - 1
      if (!closes(line, column) || !(meeting[line] || (!plain[line] && leaves(closing_line, closing_column)))) continue
      add(line, column, "(!" mutant("check", line, column) " && ")
      add(closing_line, closing_column + 1, ")")
    }
    if ((column = next_match(line, "__builtin_(mul|add)_overflow\\(", 0)) > 0 && closes(line, column + RLENGTH - 1)) {
      add(line, column, "(!" mutant("overflow", line, column) " & ")
      add(closing_line, closing_column + 1, ")")
    }
    if ((column = next_match(line, ", 1, __ATOMIC", 0)) > 0) {
      add(line, column + 2, "!" mutant("count", line, column) " * ")
    }
    if ((column = next_match(line, "(->|\\.)[a-z_]+(\\+\\+|--);", 0)) > 0 && substr(code[line], 1, column) !~ /=/) { # nobody asks what it was before
      add(line, column + RLENGTH - 3, (substr(code[line], column + RLENGTH - 2, 1) == "+" ? " += " : " -= ") "!" mutant("count", line, column) "; /*")
      add(line, column + RLENGTH, "*/")
    }
    if ((column = next_match(line, "objpool__(add|count|count_one|cached_taken|cached_returned|uncached_taken|uncached_returned|raise|watch|watch_own)\\(", 0)) > 0 &&
        code[line] !~ /^[A-Za-z]/ && substr(code[line], 1, column - 1) !~ /= *$/ && closes(line, column + RLENGTH - 1)) {
      add(line, column, "(" mutant("statistics", line, column) " ? (void)0 : (void)")
      add(closing_line, closing_column + 1, ")")
    }
    if ((column = next_match(line, "OBJPOOL__STORE\\([a-z]+->(peak_in_use|peak_idle|since_ns),", 0)) > 0) {
      add(line, column, "(" mutant("statistics", line, column) " ? (void)0 : (void)")
      closes(line, column + 14)
      add(closing_line, closing_column + 1, ")")
    }
    if ((column = next_match(line, "(^|[^a-z_])(stats|sum)\\.[a-z_]+ \\+?= ", 0)) > 0 && substr(code[line], column + RLENGTH) !~ /^0;/) {
      add(line, column + RLENGTH, mutant("statistics", line, column + RLENGTH) " ? 0 : ")
    }
    if ((column = next_match(line, "\\+ 1\\) << OBJPOOL__NUMBER_BITS", 0)) > 0) add(line, column + 2, "!" mutant("tag", line, column) " * ")
    if ((column = next_match(line, "^ *\\*objpool__tag\\([a-z]*\\) = ", 0)) > 0) {
      match(code[line], /\*/)
      add(line, RSTART, "if (!" mutant("tag", line, RSTART) ") ")
    }
    if (meeting[line] && (column = next_match(line, " (<|<=|>|>=) ", 0)) > 0 && code[line] !~ /(^|[^a-z_])for \(/) {
      do {
        width = RLENGTH
        if (statement_at(line, column) !~ /(_ASSERT|_assert)\(/) # a constant to the compiler, or not there
          add(line, column + width, mutant("bound", line, column) " + ")
        column += width
      } while ((column = next_match(line, " (<|<=|>|>=) ", column - 1)) > 0)
    }
  }
  functions()
  print "#ifndef WEAKENED_H"
  print "#define WEAKENED_H"
  print "#include <fcntl.h>"
  print "#include <stdlib.h>"
  print "#include <sys/mman.h>"
  print "#include <unistd.h>"
  print "static int weakened_number;"
  print "static unsigned char *weakened_reached; /* a byte for each that was come by, in the file WEAKENED_REACHED */"
  print "__attribute__((constructor(101))) static void weakened_choose(void) {"
  print "  const char *number = getenv(\"WEAKENED\"), *file = getenv(\"WEAKENED_REACHED\");"
  print "  if (number) weakened_number = atoi(number);"
  print "  if (!file) return;"
  print "  int opened = open(file, O_RDWR);"
  print "  void *memory = opened < 0 ? MAP_FAILED : mmap(0, " total + 1 ", PROT_READ | PROT_WRITE, MAP_SHARED, opened, 0);"
  print "  if (memory == MAP_FAILED) abort();"
  print "  weakened_reached = (unsigned char *)memory;"
  print "  close(opened);"
  print "}"
  print "static inline __attribute__((always_inline, unused)) int weakened(int number) {"
  print "  if (__builtin_expect(!!weakened_reached, 0)) __atomic_store_n(&weakened_reached[number], 1, __ATOMIC_RELAXED);"
  print "  return __builtin_expect(number == weakened_number, 0);"
  print "}"
  print "#ifndef WITHOUT"
  print "#define WITHOUT 0"
  print "#endif"
  for (number = 1; number <= total; number++) if (number in unless) {
    print "#if WITHOUT == " number
    print "#define UNLESS_" number "(...) (void)0"
    print "#else"
    print "#define UNLESS_" number "(...) __VA_ARGS__"
    print "#endif"
  }
  print "#endif"
  # Insertions of one line, the last first. At the same place: what was inserted first stands first.
  for (i = 1; i <= insertions; i++) of_line[at_line[i]] = of_line[at_line[i]] " " i
  for (line = 1; line <= NR; line++) {
    text = source[line]
    if (line in of_line) {
      count = split(substr(of_line[line], 2), here, " ")
      for (i = 2; i <= count; i++) { # sorted by place, stable
        moving = here[i]
        for (j = i - 1; j >= 1 && at_column[here[j]] + 0 > at_column[moving] + 0; j--) here[j + 1] = here[j]
        here[j + 1] = moving
      }
      for (i = count; i >= 1; i--) text = substr(text, 1, at_column[here[i]] - 1) inserted[here[i]] substr(text, at_column[here[i]])
    }
    print text
  }
}
