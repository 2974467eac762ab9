// INI files of options: lines "name = value", without sections.
//
// A line that begins with # or ; is a comment, and so is the rest of a value from a # that follows a blank
// (exp#7 is a value as it is). Blanks around a value do not count. A value in double quotes is taken as it
// is; in it \" \\ \n \r \t stand for a quote, a backslash, line ends and a tab.
#pragma once

#include <string>
#include <vector>

namespace neumf {

struct IniSetting {
  std::string name, value;
  int line = 1;  // of the file, from 1
};

// Throws Error that names the line.
std::vector<IniSetting> read_ini(const std::string& text);
// A line with its end, the value in quotes where it must be, that read_ini reads back to the same.
std::string ini_line(const std::string& name, const std::string& value);

}  // namespace neumf
