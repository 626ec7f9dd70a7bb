package schedule

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // for machines without a zone database
)

//go:embed zones.txt
var zoneList string

// Zones lists the names of the zones, sorted, without those kept for old programs only.
func Zones() []string {
	return strings.Fields(zoneList)
}

// LoadZone finds a zone by its name in the zone database. "UTC" and "Local" are known in any case.
func LoadZone(name string) (*time.Location, error) {
	switch strings.ToLower(name) {
	case "":
		return nil, errors.New("the name of the zone is empty; write Europe/Berlin, UTC or Local")
	case "utc":
		return time.UTC, nil
	case "local":
		return time.Local, nil
	}
	zone, err := time.LoadLocation(name)
	if err == nil {
		return zone, nil
	}
	if near, ok := nearest(name, Zones()); ok {
		return nil, fmt.Errorf("unknown zone %q; did you mean %s?", name, near)
	}
	return nil, fmt.Errorf("unknown zone %q; zones are called Europe/Berlin, America/New_York, UTC", name)
}

// nearest is the name with the fewest typing mistakes against text, if there are few. A place alone stands for its
// zone: berlin for Europe/Berlin.
func nearest(text string, names []string) (string, bool) {
	text = strings.ToLower(strings.ReplaceAll(text, " ", "_"))
	best, fewest := "", 2+len(text)/4
	if len(text) > 64 {
		return "", false
	}
	for _, name := range names {
		lower := strings.ToLower(name)
		d := distance(text, lower)
		if !strings.Contains(text, "/") {
			d = min(d, distance(text, lower[strings.LastIndex(lower, "/")+1:]))
		}
		if d < fewest {
			best, fewest = name, d
		}
	}
	return best, best != ""
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
