#!/usr/bin/env bash
# On one GPU, in ten minutes: what the journal costs, a build, a breaker under three seeds.
#
#   python examples/small_agent/make_agent.py AGENT     # before, where pip reaches a registry
#   tests/benchmarks/on_a_gpu.sh AGENT OUT
#
# Needs the extras vllm, probe and dev. Any model that calls tools in a known format will do; give
# TRAIN other layers, rows a step or steps. What a step has written is not made again.
set -euo pipefail
agent=$1 out=$2
train=${TRAIN:---layers 10,20 --steps 150 --dr-batch 16 --pair-batch 16 --learning-rate 1e-3}
here=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$out"
step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

step "tokens a second through BatchGenerate with a journal, next to the bare engine"
(cd "$here" && python -m tests.benchmarks.generate_throughput vllm --model "$agent" --scenarios 596)

step "2,980 samples, gates, the undefended model, the probe"
[ -e "$out/demo" ] || cb-datasets build "$out/demo" --model "$agent" --backend vllm
cb-datasets gate "$out/demo"
cb-datasets probe "$out/demo" --model "$agent"

for seed in 0 1 2; do
  step "pairs, seed $seed"
  # shellcheck disable=SC2086
  [ -e "$out/defended-$seed" ] || python "$here/examples/train_circuit_breaker/train.py" \
    "$out/demo" --model "$agent" --output "$out/defended-$seed" --seed "$seed" $train
  cb-datasets evaluate "$out/demo" --model "$agent" --compare "$out/defended-$seed" \
    --backend vllm --seed "$seed" --output "$out/report-$seed" --overwrite
done
step "done"
