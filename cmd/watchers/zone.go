package watchers

import (
	"cmp"
	"os"
	"strings"
	"time"

	"github.com/evshell/ev/evfile"
	"github.com/evshell/ev/schedule"
)

// localZone is the zone of CRON_TZ in an Evfile, else of TZ (tzset(3)), else that of the machine,
// by its name if it can be known. An Evfile's line has the TZ that stands above it.
func (a *App) localZone() *time.Location {
	tz := strings.TrimPrefix(cmp.Or(variable(a.Env, "CRON_TZ"), a.Getenv("TZ")), ":")
	if tz == "" {
		return machineZone()
	}
	if strings.HasPrefix(tz, "/") {
		return time.Local // a file, which package time has read
	}
	zone, err := schedule.LoadZone(tz)
	if err == nil {
		return zone
	}
	if zone, err := schedule.ParseZone(tz); err == nil {
		return zone
	}
	a.Report.Noticef("UTC is taken, since TZ has an %v", err)
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

// machineZone finds the zone that /etc/localtime is a link to, also where there is no zone database
// for the link to lead to.
func machineZone() *time.Location {
	if _, set := os.LookupEnv("TZ"); set {
		return time.Local
	}
	link, err := os.Readlink("/etc/localtime")
	if err != nil {
		return time.Local
	}
	if _, name, ok := strings.Cut(link, "zoneinfo/"); ok {
		if zone, err := schedule.LoadZone(name); err == nil {
			return zone
		}
	}
	return time.Local
}
