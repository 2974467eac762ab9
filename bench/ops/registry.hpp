// The suites of ops_bench, one per file.
#pragma once

namespace neumf::bench {

void register_products();
void register_sampling();
void register_embedding();
void register_gmf();
void register_pair();
void register_linear();
void register_head();
void register_adam();
void register_ranking();
void register_small_model();

}  // namespace neumf::bench
