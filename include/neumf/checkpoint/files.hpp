// Names of the files of checkpoints and of what is in them, and which files can go.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "neumf/data/hdf5.hpp"

namespace neumf::checkpoint_files {

inline constexpr std::int64_t format_version = 1;
inline constexpr const char* kind = "neumf-checkpoint";
inline constexpr const char* best = "best";
inline constexpr const char* model_group = "/model/";
inline constexpr const char* first_moment_group = "/adam/first_moment/";
inline constexpr const char* second_moment_group = "/adam/second_moment/";
inline constexpr const char* item_counts = "/items/counts";

// "checkpoint-000007"
std::string run_name(std::int64_t number);
// The number of the newest saved run in the directory, 0 if there is none.
std::int64_t newest_run(const std::filesystem::path& directory);

std::filesystem::path master(const std::filesystem::path& directory, const std::string& name);
std::filesystem::path part(const std::filesystem::path& directory, const std::string& name,
                           const std::string& generation, int part, int parts);
// While it is being written.
std::filesystem::path temporary(const std::filesystem::path& path);

// Opens a master file. Throws Error if it is not a checkpoint or of another format version.
hdf5::File open_master(const std::filesystem::path& master);

// Removes all saved runs but the newest `keep`.
void remove_old_runs(const std::filesystem::path& directory, int keep);
// Removes the files of a checkpoint that belong to another generation than the published one.
void remove_other_generations(const std::filesystem::path& directory, const std::string& name,
                              const std::string& generation);
// Removes what runs that were killed left behind: temporary files, and parts without their master.
void remove_leftovers(const std::filesystem::path& directory);

}  // namespace neumf::checkpoint_files
