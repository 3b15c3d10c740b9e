# hunch_dev: what our own programs and tests are compiled with, linked PRIVATE. Nothing here reaches a user's target.
set(HUNCH_SANITIZE "" CACHE STRING "Sanitizers for our own targets, e.g. address,undefined or thread")
option(HUNCH_WERROR "Warnings are errors in our own targets" OFF)

add_library(hunch_dev INTERFACE)
target_compile_options(hunch_dev INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion)
if(HUNCH_WERROR)
  target_compile_options(hunch_dev INTERFACE -Werror)
endif()
if(HUNCH_SANITIZE)
  target_compile_options(hunch_dev INTERFACE -fsanitize=${HUNCH_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(hunch_dev INTERFACE -fsanitize=${HUNCH_SANITIZE})
endif()
target_compile_definitions(hunch_dev INTERFACE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
