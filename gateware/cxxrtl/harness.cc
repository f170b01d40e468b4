// Drives a design with byte streams `rx` and `tx` for many cycles in one call.
//
// DESIGN is the file that yosys's write_cxxrtl made; GATED says that gateware/host/cxxrtl_code.py has rewritten it, and
// that one evaluation settles it.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <cxxrtl/cxxrtl.h>
#if defined(GATED) && defined(__AVX2__)
#include <immintrin.h>
#endif

#ifdef GATED
namespace cxxrtl_design {

// The design finds this before the one of the library. Hardly any memory is written to more than once in a cycle: the
// way of that is short enough to be compiled into the evaluation, which must fit into the processor's cache.
template<size_t Width>
struct memory {
	using value = cxxrtl::value<Width>;

	const size_t depth;
	std::unique_ptr<value[]> data;

	explicit memory(size_t depth) : depth(depth), data(new value[depth]) {}

	const value &operator[](size_t index) const { return data[index]; }

	value &operator[](size_t index) { return data[index]; }

	void update(size_t index, const value &written, const value &mask, int priority = 0) {
		if (mask.is_zero())
			return;
		if (__builtin_expect(count != 0, 0))
			return insert(index, written, mask, priority);
		queue[0] = {index, written, mask, priority};
		count = 1;
	}

	// Whether anything was written.
	template<class Observer>
	bool commit(Observer &) {
		if (__builtin_expect(count == 0, 1))
			return false;
		for (size_t n = 0; n < count; n++)
			data[queue[n].index] = data[queue[n].index].update(queue[n].written, queue[n].mask);
		count = 0;
		return true;
	}

private:
	struct write {
		size_t index;
		value written, mask;
		int priority;
	};

	static constexpr size_t PORTS = 8;

	// Keeps writes in order of their priority.
	__attribute__((noinline)) void insert(size_t index, value written, value mask, int priority) {
		if (count == PORTS)
			abort();
		size_t at = count++;
		for (; at > 0 && queue[at - 1].priority > priority; at--)
			queue[at] = queue[at - 1];
		queue[at] = {index, written, mask, priority};
	}

	size_t count = 0;
	write queue[PORTS];
};

// Copies registers; a bit of `woken` is set for every 32 bits that differ, the bits behind them are cleared.
template<class Registers, size_t Words>
inline __attribute__((always_inline)) void take(Registers &curr, const Registers &next, uint64_t (&woken)[Words]) {
	constexpr size_t COPIED = sizeof(Registers) / 256;
	auto to = reinterpret_cast<unsigned char *>(&curr);
	auto from = reinterpret_cast<const unsigned char *>(&next);
	for (size_t word = 0; word < COPIED; word++, to += 256, from += 256) {
		uint64_t bits = 0;
#ifdef __AVX2__
		for (size_t n = 0; n < 8; n++) {
			auto target = reinterpret_cast<__m256i *>(to) + n;
			__m256i taken = _mm256_load_si256(reinterpret_cast<const __m256i *>(from) + n);
			__m256i same = _mm256_cmpeq_epi32(taken, _mm256_load_si256(target));
			bits |= uint64_t(uint8_t(~_mm256_movemask_ps(_mm256_castsi256_ps(same)))) << (8 * n);
			_mm256_store_si256(target, taken);
		}
#else
		for (size_t n = 0; n < 64; n++) {
			bits |= uint64_t(memcmp(to + 4 * n, from + 4 * n, 4) != 0) << n;
			memcpy(to + 4 * n, from + 4 * n, 4);
		}
#endif
		woken[word] = bits;
	}
	for (size_t word = COPIED; word < Words; word++)
		woken[word] = 0;
}

} // namespace cxxrtl_design
#endif

#include DESIGN

namespace {

struct engine {
	cxxrtl_design::p_top top;
	uint64_t cycles = 0;
	uint64_t quiet = 0; // cycles since a byte moved
	uint64_t owed = 0;  // replies to whole frames that are still to come
	bool within = false; // a frame has begun
};

// Inputs stand; afterwards the outputs are those before the rising edge that has just been taken.
struct outputs {
	bool rx_ready, tx_valid;
	uint8_t tx_payload;
};

outputs look(const cxxrtl_design::p_top &top) {
	return {
		top.p_rx____ready.get<bool>(),
		top.p_tx____valid.get<bool>(),
		top.p_tx____payload.get<uint8_t>(),
	};
}

#ifdef GATED
// Every call is a rising edge. All in one function, the compiler keeps what several groups of registers need.
__attribute__((flatten)) outputs cycle(cxxrtl_design::p_top &top) {
	top.p_top::eval(nullptr);
	outputs seen = look(top);
	cxxrtl::observer nobody;
	top.commit(nobody);
	return seen;
}
#else
outputs cycle(cxxrtl_design::p_top &top) {
	top.p_clk.set<bool>(false);
	top.step();
	outputs seen = look(top);
	top.p_clk.set<bool>(true);
	top.step();
	return seen;
}
#endif

} // namespace

extern "C" {

void *memhil_new() { return new engine; }

void memhil_delete(void *handle) { delete static_cast<engine *>(handle); }

uint64_t memhil_cycles(void *handle) { return static_cast<engine *>(handle)->cycles; }

// Run until all of `in` is taken and all frames in it are answered, `out` is full, or `limit` cycles are over.
//
// A zero ends a frame and a reply. The end comes when nothing is owed and nothing has moved for `settle` cycles, or for
// `deaf` cycles although something is owed. Returns bytes put into `out`; `taken` is how many of `in` were taken, `idle`
// whether that end has come.
size_t memhil_run(void *handle, const uint8_t *in, size_t n_in, size_t *taken, uint8_t *out, size_t n_out,
                  uint64_t limit, uint64_t settle, uint64_t deaf, int *idle) {
	engine &self = *static_cast<engine *>(handle);
	cxxrtl_design::p_top &top = self.top;
	size_t read = 0, written = 0;
	auto ended = [&] { return read == n_in && self.quiet >= (self.owed ? deaf : settle); };
	top.p_tx____ready.set<bool>(true);
	for (uint64_t end = self.cycles + limit; self.cycles < end && written < n_out && !ended(); self.cycles++) {
		bool offered = read < n_in;
		top.p_rx____valid.set<bool>(offered);
		if (offered)
			top.p_rx____payload.set<uint8_t>(in[read]);
		outputs seen = cycle(top);
		self.quiet++;
		if (offered && seen.rx_ready) {
			bool zero = in[read++] == 0;
			self.owed += zero && self.within;
			self.within = !zero;
			self.quiet = 0;
		}
		if (seen.tx_valid) {
			out[written++] = seen.tx_payload;
			self.owed -= seen.tx_payload == 0 && self.owed;
			self.quiet = 0;
		}
	}
	*taken = read;
	*idle = ended();
	if (*idle)
		self.owed = 0;
	return written;
}

} // extern "C"
