// Drives a design with byte streams `rx` and `tx` for many cycles in one call.
//
// DESIGN is the file that yosys's write_cxxrtl made; FEEDBACK says that one evaluation does not settle it.

#include <cstddef>
#include <cstdint>
#include <cxxrtl/cxxrtl.h>

#ifndef FEEDBACK
namespace cxxrtl_design {

// The design finds these before the ones of the library. One evaluation settles it, so nobody asks what has changed:
// registers are copied without a comparison, and a memory only hears of writes that write something.

template<size_t Bits>
struct wire : cxxrtl::wire<Bits> {
	using cxxrtl::wire<Bits>::wire;

	template<class Observer>
	bool commit(Observer &) {
		this->curr = this->next;
		return false;
	}
};

template<size_t Width>
struct memory : cxxrtl::memory<Width> {
	using cxxrtl::memory<Width>::memory;
	using value = cxxrtl::value<Width>;

	void update(size_t index, const value &written, const value &mask, int priority = 0) {
		if (!mask.is_zero())
			cxxrtl::memory<Width>::update(index, written, mask, priority);
	}

	template<class Observer>
	bool commit(Observer &observer) {
		if (!this->write_queue.empty())
			cxxrtl::memory<Width>::commit(observer);
		return false;
	}
};

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

#ifdef FEEDBACK
outputs cycle(cxxrtl_design::p_top &top) {
	top.p_clk.set<bool>(false);
	top.step();
	outputs seen = look(top);
	top.p_clk.set<bool>(true);
	top.step();
	return seen;
}
#else
// The clock stays high and only its past is set low: one evaluation sees a rising edge with all logic in front of the
// registers settled, which halves the work of stepping through both levels. All in one function, the compiler knows clock
// and reset, and drops what depends on them.
__attribute__((flatten)) outputs cycle(cxxrtl_design::p_top &top) {
	top.p_clk.set<bool>(true);
	top.prev_p_clk.set<bool>(false);
	top.p_rst.set<bool>(false);
	top.p_top::eval(nullptr);
	outputs seen = look(top);
	cxxrtl::observer nobody;
	top.commit(nobody);
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
