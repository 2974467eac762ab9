// Stands in for CUDA's header, which nccl.h includes and nothing here uses.
#pragma once
