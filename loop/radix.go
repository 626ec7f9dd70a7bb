package loop

import (
	"math/bits"
	"slices"
)

const (
	fewSlots  = 256 // are sorted by comparing them
	digitBits = 11  // counters of a pass fit the first-level cache
)

// sortSlots sorts what is due: the earliest first, of the same due time the first that was set. Many
// are sorted digit by digit, the least first (LSD radix sort): their due times differ in few bits,
// and no function is called for each comparison.
func sortSlots(slots []slot) {
	if len(slots) <= fewSlots {
		slices.SortFunc(slots, func(a, b slot) int {
			switch {
			case a.at < b.at:
				return -1
			case a.at > b.at:
				return 1
			}
			return bySeq(a, b)
		})
		return
	}
	least, most := slots[0].at, slots[0].at
	for _, s := range slots {
		least, most = min(least, s.at), max(most, s.at)
	}
	from, to := slots, make([]slot, len(slots))
	for shift := 0; shift < bits.Len64(uint64(most)-uint64(least)); shift += digitBits {
		digit := func(s slot) uint64 { return (uint64(s.at) - uint64(least)) >> shift % (1 << digitBits) }
		var ends [1 << digitBits]int
		for _, s := range from {
			ends[digit(s)]++
		}
		sum := 0
		for d, n := range ends {
			ends[d], sum = sum, sum+n
		}
		for _, s := range from {
			d := digit(s)
			to[ends[d]] = s
			ends[d]++
		}
		from, to = to, from
	}
	if &from[0] != &slots[0] {
		copy(slots, from)
	}
	for i := 0; i < len(slots); {
		same := i + 1
		for same < len(slots) && slots[same].at == slots[i].at {
			same++
		}
		slices.SortFunc(slots[i:same], bySeq)
		i = same
	}
}

// bySeq compares the order in which due times were set, which wraps around.
func bySeq(a, b slot) int { return int(int32(a.node.seq - b.node.seq)) }
