## bench          throughput beside pg_recvlogical      WORKLOAD=narrow ROUNDS=3 EVENTS=… ONLY="null.tcp"
## bench-snapshot    rows of one table beside COPY     ROUNDS=3 EVENTS=12000000
## bench-instructions, bench-startup, bench-distant    instructions per event (callgrind); start to first event; a broker far away
## bench-worker   the Connect worker's start, memory, and REST beside a drain     EVENTS=300000 ROUNDS=5

.PHONY: bench-worker bench bench-snapshot bench-instructions bench-startup bench-distant

# Always of the release build, whatever BUILD says.
bench bench-snapshot bench-instructions bench-startup bench-distant:
	$(MAKE) BUILD=release all
	tests/bench/bench.sh $(patsubst bench-%,%,$(@:bench=bench-drain))

bench-worker:
	$(MAKE) BUILD=release all
	BUILD=release tests/python.sh tests/bench/worker.py
