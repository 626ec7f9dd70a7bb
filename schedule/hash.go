package schedule

import "time"

// Spread is a time in [0, limit) that depends on seed only, evenly distributed over seeds: a jitter
// that stays.
func Spread(seed string, limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(hash(seed) % uint64(limit))
}

// hash is FNV-1a with a last mixing step, without which similar seeds have similar high bits.
func hash(seed string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(seed) {
		h ^= uint64(seed[i])
		h *= 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	return h
}
