// What a program that uses the installed library looks like.
#include <neumf/core/version.hpp>
#include <neumf/nn/neumf_model.hpp>

#include <cstdio>

int main() {
  const neumf::ModelShape shape{10, 20, 4, {8, 4}};
  neumf::Context<neumf::Cpu> context(1);
  neumf::Parameters<neumf::Cpu, float> parameters(context, shape, 10);
  parameters.initialise(context, 1, 0);
  std::printf("neumf %s, %lld parameters\n", neumf::version(), static_cast<long long>(shape.parameters()));
  return parameters.weight(parameters.layout().user_mlp).data[0] != 0.0f ? 0 : 1;
}
