package watchers

import (
	"cmp"
	"os"
	"strings"
	"time"

	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/schedule"
)

// localZone is the zone of CRON_TZ in an Evfile, else of TZ (tzset(3)), else that of the machine. An
// Evfile's line has the TZ that stands above it.
func (a *App) localZone() *time.Location {
	if a.isLocal() {
		return a.machineZone()
	}
	tz := a.zoneVariable()
	if tz == "" {
		return time.Local // TZ is empty
	}
	if strings.HasPrefix(tz, "/") {
		return time.Local // a file, which package time has read
	}
	zone, err := a.loadZone(tz)
	if err == nil {
		return zone
	}
	if zone, err := schedule.ParseZone(tz); err == nil {
		return zone
	}
	a.Report.Noticef("TZ has an %v: using UTC", err)
	return time.UTC
}

// CheckZones refuses a variable of an Evfile that is to be a zone and is none.
func CheckZones(f *evfile.File) (errs evfile.Errors) {
	for _, w := range f.Assignments {
		name, zone, _ := strings.Cut(w.Text, "=")
		if zone = strings.TrimPrefix(zone, ":"); name != "TZ" && name != "CRON_TZ" || zone == "" || strings.HasPrefix(zone, "/") {
			continue
		}
		_, err := schedule.LoadZone(zone)
		if err == nil {
			continue
		}
		if _, posix := schedule.ParseZone(zone); posix != nil {
			errs = append(errs, f.Errorf(f.Within(w, len(name+"=")), "%s: %s", name, err))
		}
	}
	return errs
}

// isLocal reports whether the zone is that of the machine, since no variable says another.
func (a *App) isLocal() bool {
	_, set := os.LookupEnv("TZ")
	return !set && a.zoneVariable() == ""
}

func (a *App) zoneVariable() string {
	return strings.TrimPrefix(cmp.Or(variable(a.Env, "CRON_TZ"), a.Getenv("TZ")), ":")
}
