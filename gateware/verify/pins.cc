// Drives a whole design on its pins: pin_clk, pin_rx, pin_tx. Standard input to standard output as in netlist.cc: pieces of a
// 32-bit length, of the machine's byte order, and as many bytes. The only argument is the clock cycles of a bit.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

const uint64_t WAKE = 3000;     // cycles before the first byte: the design's own reset
const uint64_t SETTLE = 40;     // bits without an edge on tx after which nothing more comes
const uint64_t DEAF = 400'000;  // cycles without one if an answer is still due

class Pins {
public:
	explicit Pins(uint64_t bit) : bit_(bit) {
		top_.pin_rx = 1;
		for (uint64_t n = 0; n < WAKE; n++)
			step();
	}

	std::vector<uint8_t> converse(const std::vector<uint8_t> &in) {
		got_.clear();
		uint64_t owed = 0;
		bool within = false;
		for (uint8_t byte : in) {
			unsigned frame = byte << 1 | 0x200;
			for (int k = 0; k < 10; k++) {
				top_.pin_rx = frame >> k & 1;
				for (uint64_t n = 0; n < bit_; n++)
					step();
			}
			owed += byte == 0 && within;
			within = byte != 0;
		}
		quiet_ = 0;
		while (true) {
			uint64_t answered = 0;
			for (uint8_t byte : got_)
				answered += byte == 0;
			if (quiet_ > (answered < owed ? DEAF : SETTLE * bit_))
				return got_;
			step();
		}
	}

	uint64_t broken = 0; // bytes without a stop bit

private:
	void step() {
		top_.pin_clk = 0;
		top_.eval();
		top_.pin_clk = 1;
		top_.eval();
		quiet_++;
		bool tx = top_.pin_tx;
		if (place_ < 0) {
			if (before_ && !tx) {
				place_ = 0;
				wait_ = bit_ + bit_ / 2;
				byte_ = 0;
				quiet_ = 0;
			}
		} else if (--wait_ == 0) {
			wait_ = bit_;
			quiet_ = 0;
			if (place_ < 8) {
				byte_ |= tx << place_++;
			} else {
				if (tx)
					got_.push_back(byte_);
				else
					broken++;
				place_ = -1;
			}
		}
		before_ = tx;
	}

	Vtop top_;
	uint64_t bit_, wait_ = 0, quiet_ = 0;
	int place_ = -1;
	uint8_t byte_ = 0;
	bool before_ = true;
	std::vector<uint8_t> got_;
};

} // namespace

int main(int, char **arguments) {
	Pins pins(std::strtoull(arguments[1], nullptr, 10));
	uint32_t size;
	while (std::fread(&size, sizeof size, 1, stdin) == 1) {
		std::vector<uint8_t> in(size);
		if (std::fread(in.data(), 1, size, stdin) != size)
			return 1;
		std::vector<uint8_t> out = pins.converse(in);
		size = static_cast<uint32_t>(out.size());
		std::fwrite(&size, sizeof size, 1, stdout);
		std::fwrite(out.data(), 1, size, stdout);
	}
	return pins.broken != 0;
}
