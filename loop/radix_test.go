package loop

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Whatever the due times and the order in which they were set, many are sorted as few are.
func TestSortSlots(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, seed))
	for name, at := range map[string]func() int64{
		"all at once":  func() int64 { return 7 },
		"few times":    func() int64 { return r.Int64N(3) },
		"in a second":  func() int64 { return 1e18 + r.Int64N(1e9) },
		"at any time":  func() int64 { return int64(r.Uint64()) },
		"far apart":    func() int64 { return []int64{math.MinInt64, -1, 0, math.MaxInt64}[r.IntN(4)] },
		"before there": func() int64 { return -r.Int64N(1 << 40) },
	} {
		for _, n := range []int{0, 1, fewSlots, fewSlots + 1, 5000} {
			slots := make([]slot, n)
			for i := range slots {
				slots[i] = slot{at(), &node{seq: math.MaxUint32 - 100 + uint32(i)}}
			}
			r.Shuffle(n, func(i, j int) { slots[i], slots[j] = slots[j], slots[i] })
			want := slices.Clone(slots)
			slices.SortFunc(want, func(a, b slot) int { return cmp.Or(cmp.Compare(a.at, b.at), bySeq(a, b)) })
			if sortSlots(slots); !slices.Equal(slots, want) {
				t.Errorf("%s: %d are in the wrong order", name, n)
			}
		}
	}
}
