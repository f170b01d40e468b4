// Drives a verilated design with byte streams `rx` and `tx`: standard input to standard output, both in pieces of a
// 32-bit length, of the machine's byte order, and as many bytes. A piece is answered by all that comes back for it.

#include <cstdint>
#include <cstdio>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

const uint64_t SETTLE = 64;      // cycles without a byte after which nothing more comes
const uint64_t DEAF = 2'000'000; // the same if an answer is still due

std::vector<uint8_t> converse(Vtop &top, const std::vector<uint8_t> &in) {
	std::vector<uint8_t> out;
	size_t read = 0;
	uint64_t quiet = 0, owed = 0;
	bool within = false;
	while (read < in.size() || quiet < (owed ? DEAF : SETTLE)) {
		bool offered = read < in.size();
		top.rx_valid = offered;
		top.rx_payload = offered ? in[read] : 0;
		top.clk = 0;
		top.eval();
		bool taken = offered && top.rx_ready;
		bool sent = top.tx_valid;
		uint8_t byte = top.tx_payload;
		top.clk = 1;
		top.eval();
		quiet++;
		if (taken) {
			bool zero = in[read++] == 0;
			owed += zero && within;
			within = !zero;
			quiet = 0;
		}
		if (sent) {
			out.push_back(byte);
			owed -= byte == 0 && owed;
			quiet = 0;
		}
	}
	return out;
}

} // namespace

int main() {
	Vtop top;
	top.rst = 0;
	top.tx_ready = 1;
	uint32_t size;
	while (std::fread(&size, sizeof size, 1, stdin) == 1) {
		std::vector<uint8_t> in(size);
		if (std::fread(in.data(), 1, size, stdin) != size)
			return 1;
		std::vector<uint8_t> out = converse(top, in);
		size = static_cast<uint32_t>(out.size());
		std::fwrite(&size, sizeof size, 1, stdout);
		std::fwrite(out.data(), 1, size, stdout);
	}
	return 0;
}
