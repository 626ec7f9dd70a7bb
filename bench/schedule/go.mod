module github.com/evshell/ev/bench/schedule

go 1.26.0

require (
	github.com/adhocore/gronx v1.20.4
	github.com/evshell/ev v0.0.0
	github.com/netresearch/go-cron v0.15.0
	github.com/robfig/cron/v3 v3.0.1
)

require (
	github.com/clipperhouse/displaywidth v0.11.0 // indirect
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
)

replace github.com/evshell/ev => ../..
