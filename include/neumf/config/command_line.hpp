// What the command lines of all commands have in common.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <string>
#include <vector>

#include "neumf/config/options.hpp"

namespace neumf {

// Parses `arguments` (without the program's name) into the variables that `descriptions` names. Dashes and
// underscores are interchangeable in names, the last of a repeated option counts, and where --config is one
// of the options its INI file is read too (the command line wins). `program` is named in errors: "neumf
// score".
boost::program_options::variables_map read_command_line(
    const std::vector<std::string>& arguments,
    const boost::program_options::options_description& descriptions, const std::string& program);

// The values of --device and --precision. Throw Error naming what is allowed.
DeviceChoice parse_device(const std::string& text);
Precision parse_precision(const std::string& text);

// The options of training and testing (options.cpp), for their text.
boost::program_options::options_description training_option_descriptions();

}  // namespace neumf
