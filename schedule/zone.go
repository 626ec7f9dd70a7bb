package schedule

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // for machines without a zone database

	"github.com/evshell/ev/internal/nearest"
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
	if near, ok := nearestZone(name); ok {
		return nil, fmt.Errorf("unknown zone %q; did you mean %s?", name, near)
	}
	return nil, fmt.Errorf("unknown zone %q; zones are called Europe/Berlin, America/New_York, UTC", name)
}

// nearestZone finds what a mistyped name was meant to be. A place alone stands for its zone: berlin
// for Europe/Berlin.
func nearestZone(name string) (string, bool) {
	word := strings.ReplaceAll(name, " ", "_")
	if zone, ok := meant(word, Zones()); ok || strings.Contains(word, "/") {
		return zone, ok
	}
	zoneOf := map[string]string{}
	var places []string
	for _, zone := range Zones() {
		place := zone[strings.LastIndexByte(zone, '/')+1:]
		places, zoneOf[place] = append(places, place), zone
	}
	place, ok := meant(word, places)
	return zoneOf[place], ok
}

// meant is the nearest of names to a word that is not too long to be one.
func meant(word string, names []string) (string, bool) {
	if len(word) > 64 {
		return "", false
	}
	return nearest.Of(word, slices.Values(names))
}
