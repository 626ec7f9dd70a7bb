package sdnotify

const clockMonotonic = 3 // sys/time.h; x/sys has no name for it
