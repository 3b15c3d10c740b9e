# Compiles one source that must not compile and checks what the compiler says: the message on the source's first line
# ("// EXPECT: message"), and nothing else: one error. "// EXPECT: nothing" must compile.
# Variables: CXX, SOURCE, INCLUDE.
file(STRINGS "${SOURCE}" first LIMIT_COUNT 1)
string(REGEX REPLACE "^// EXPECT: " "" message "${first}")
string(REPLACE "\\;" ";" message "${message}")  # as file(STRINGS) writes it
if(message STREQUAL first)
  message(FATAL_ERROR "${SOURCE}: the first line must be // EXPECT: message")
endif()

execute_process(COMMAND "${CXX}" -std=c++20 -fsyntax-only "-I${INCLUDE}" "${SOURCE}"
  RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)

if(message MATCHES "^nothing")
  if(failed)
    message(FATAL_ERROR "this must compile:\n${said}")
  endif()
  return()
endif()
if(NOT failed)
  message(FATAL_ERROR "this compiled, but must not: ${SOURCE}")
endif()
string(FIND "${said}" "${message}" at)
if(at EQUAL -1)
  message(FATAL_ERROR "the message is missing:\n  ${message}\nThe compiler said:\n${said}")
endif()
string(REGEX MATCHALL "(^|[\n:]) ?(fatal )?error: " errors "${said}")
list(LENGTH errors count)
string(REGEX MATCHALL "\n" lines "${said}")
list(LENGTH lines line_count)
if(NOT count EQUAL 1)
  message(FATAL_ERROR "one error is wanted, not ${count}:\n${said}")
endif()
if(line_count GREATER 25)
  message(FATAL_ERROR "${line_count} lines are too many to read:\n${said}")
endif()
