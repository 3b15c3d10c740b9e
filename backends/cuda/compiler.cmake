# Sets hunch_has_cuda: whether hunch::cuda is built. AUTO never fails and never asks for anything: it takes the CUDA
# compiler that CMake finds (in PATH, or CUDACXX), if this project is the top one.
set(hunch_has_cuda OFF)
if(HUNCH_CUDA STREQUAL "AUTO" AND PROJECT_IS_TOP_LEVEL AND HUNCH_CPU)
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(hunch_has_cuda ON)
  endif()
elseif(HUNCH_CUDA AND NOT HUNCH_CUDA STREQUAL "AUTO")
  if(NOT HUNCH_CPU)
    message(FATAL_ERROR "hunch: HUNCH_CUDA shares its graph with the CPU backend; configure with -DHUNCH_CPU=ON as well")
  endif()
  set(hunch_has_cuda ON)
endif()
if(hunch_has_cuda)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90)  # machine code for both, and PTX for what comes after
  endif()
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)  # here, so that whoever links hunch::cuda sees its targets
endif()
