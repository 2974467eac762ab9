// The matchers that most tests of inputs use.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.hpp"

namespace neumf::test {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

}  // namespace neumf::test
