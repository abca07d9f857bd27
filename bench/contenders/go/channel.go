// name: Go channel
// A buffered channel of idle objects: what one writes in Go when a pool must have a limit.

package main

import "sync/atomic"

const capped = true

var (
	idle       chan *object
	made, most int64
)

func open(live, limit int) {
	most = int64(limit)
	if limit == 0 {
		limit, most = live+1024, 1<<62
	}
	idle = make(chan *object, limit)
}

func take() *object {
	select {
	case taken := <-idle:
		return taken
	default:
	}
	if atomic.AddInt64(&made, 1) <= most {
		return new(object)
	}
	atomic.AddInt64(&made, -1)
	return nil
}

func give(given *object) {
	select {
	case idle <- given:
	default: // full: the collector takes it
	}
}
