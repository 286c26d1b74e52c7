//go:build linux

package main

import "slices"

// Spread is the median of some numbers, and how far they reach.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"`
}

// SpreadOf sums up numbers; of none it is zero.
func SpreadOf(values []float64) Spread {
	n := len(values)
	if n == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	return Spread{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1], n}
}

// Ratios divides each round's value by that round's base, so that what was different from round to round, such as
// other work on the machine, drops out. Rounds that lack one of the two, or have a base of zero, are left out.
func Ratios(values, base map[int]float64) Spread {
	var ratios []float64
	for round, v := range values {
		if b, ok := base[round]; ok && b != 0 {
			ratios = append(ratios, v/b)
		}
	}
	return SpreadOf(ratios)
}
