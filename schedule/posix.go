package schedule

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// ParseZone reads a zone as POSIX has it in TZ, CET-1CEST,M3.5.0,M10.5.0/3: names, the offsets west
// of UTC, and the days of the year on which the clocks change. It is for TZ alone, since who writes
// UTC+1 elsewhere means one hour east.
func ParseZone(rule string) (*time.Location, error) {
	// Package time reads such a rule only as the last line of a zone's file (RFC 8536, 3.3), and
	// without a word goes by what the file lists if it can't.
	const listed = "?"
	zone, err := time.LoadLocationFromTZData(rule, zoneFile(listed, rule))
	if err == nil {
		name, _ := time.Unix(0, 0).In(zone).Zone()
		if name != listed && !strings.ContainsAny(rule, "\n\x00") {
			return zone, nil
		}
	}
	return nil, fmt.Errorf("unknown zone %q", rule)
}

// zoneFile is a file that lists one type of time and no change of the clocks, and ends with a rule
// for all of them.
func zoneFile(name, rule string) []byte {
	head := "TZif2" + strings.Repeat("\x00", 15)
	file := []byte(head + strings.Repeat("\x00", 4*6) + head)
	for _, count := range []int{0, 0, 0, 0, 1, len(name) + 1} { // the last ones are types of time, bytes of their names
		file = binary.BigEndian.AppendUint32(file, uint32(count))
	}
	return append(file, "\x00\x00\x00\x00"+"\x00"+"\x00"+name+"\x00"+"\n"+rule+"\n"...)
}
