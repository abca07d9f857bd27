// The workloads of ../../workload.c in Go, for pools written in Go. The driver adds a file with objectSize beside it.
// usage: NAME PAIRS. Exit status 77: no such workload here.

package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

type object struct {
	word uint64
	rest [objectSize - 8]byte
}

const (
	batch     = 64
	randomly  = 10000
	mixedLive = 256
	ringSize  = 1024
	limit     = 64
	chains    = 4
	chainLive = 1000
	steps     = 20000
	seed      = uint64(88172645463325252)
)

func takeAndTouch() *object {
	taken := take()
	taken.word = 1
	return taken
}

//go:noinline
func pairs(count int) {
	for i := 0; i < count; i++ {
		give(takeAndTouch())
	}
}

//go:noinline
func batches(count int, firstInFirstOut bool) {
	var held [batch]*object
	for ; count > 0; count -= batch {
		for i := range held {
			held[i] = takeAndTouch()
		}
		if firstInFirstOut {
			for i := range held {
				give(held[i])
			}
		} else {
			for i := batch - 1; i >= 0; i-- {
				give(held[i])
			}
		}
	}
}

func nextRandom(x uint64) uint64 {
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	return x
}

//go:noinline
func replace(live []*object, count int, random uint64) uint64 {
	for i := 0; i < count; i++ {
		random = nextRandom(random)
		victim := (random >> 32) * uint64(len(live)) >> 32
		taken := takeAndTouch()
		old := live[victim]
		live[victim] = taken
		give(old)
	}
	return random
}

func takeLive(count int) []*object {
	live := make([]*object, count)
	for i := range live {
		live[i] = takeAndTouch()
	}
	return live
}

func giveLive(live []*object) {
	for _, old := range live {
		give(old)
	}
}

func buffers(count int, clear bool) {
	for i := 0; i < count; i++ {
		taken := take()
		if clear {
			*taken = object{}
		}
		taken.word = 1
		give(taken)
	}
}

func workers(number int, body func(number int)) {
	var running sync.WaitGroup
	running.Add(number)
	for i := 0; i < number; i++ {
		go func(i int) {
			defer running.Done()
			body(i)
		}(i)
	}
	running.Wait()
}

func mixed(number, count int) {
	random := seed + 0x9E3779B97F4A7C15*uint64(number)
	live := takeLive(mixedLive)
	for i := 0; i < count; i += 2 {
		pairs(1)
		random = replace(live, 1, random)
	}
	giveLive(live)
}

var (
	ring            [ringSize]*object
	filled, emptied int64
)

func produceAndConsume(count int64) {
	workers(2, func(number int) {
		for done := int64(0); done < count; done += batch {
			if number == 0 {
				for done+batch-atomic.LoadInt64(&emptied) > ringSize {
					runtime.Gosched()
				}
				for i := done; i < done+batch; i++ {
					ring[i%ringSize] = takeAndTouch()
				}
				atomic.StoreInt64(&filled, done+batch)
			} else {
				for atomic.LoadInt64(&filled)-done < batch {
					runtime.Gosched()
				}
				for i := done; i < done+batch; i++ {
					received := ring[i%ringSize]
					if received.word != 1 {
						panic("an object arrived without its word")
					}
					give(received)
				}
				atomic.StoreInt64(&emptied, done+batch)
			}
		}
	})
}

func atTheCap(count int) {
	var turn int64
	workers(2, func(number int) {
		var held [limit]*object
		for i := number; i < count/limit; i += 2 {
			for atomic.LoadInt64(&turn) != int64(i) {
				runtime.Gosched()
			}
			for k := range held {
				held[k] = takeAndTouch()
			}
			for k := limit - 1; k >= 0; k-- {
				give(held[k])
			}
			atomic.StoreInt64(&turn, int64(i+1))
		}
	})
}

func chain(live []*object, left int, random uint64, ended func()) {
	now := left
	if now > steps {
		now = steps
	}
	random = replace(live, now, random)
	if left > now {
		go chain(live, left-now, random, ended)
	} else {
		ended()
	}
}

func successors(count int) {
	var running sync.WaitGroup
	running.Add(chains)
	for i := 0; i < chains; i++ {
		go chain(takeLive(chainLive), count/chains, seed+uint64(i), running.Done)
	}
	running.Wait()
}

func main() {
	live := map[string]int{"pair": 1, "batch-lifo": batch, "batch-fifo": batch, "random": randomly + 1, "ramp": 0,
		"buffer-reused": 1, "buffer-cleared": 1, "shared": 2, "ring": ringSize + 2*batch,
		"threads-4": 4 * (mixedLive + 1), "threads-16": 16 * (mixedLive + 1), "cap": limit, "successors": chains * (chainLive + 1)}
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: workload NAME PAIRS")
		os.Exit(2)
	}
	name := os.Args[1]
	count, err := strconv.Atoi(os.Args[2])
	if err != nil || count < 0 {
		fmt.Fprintln(os.Stderr, "usage: workload NAME PAIRS")
		os.Exit(2)
	}
	most, known := live[name]
	if !known || (name == "cap" && !capped) {
		os.Exit(77)
	}
	if most == 0 {
		most = count
	}
	if name == "cap" {
		open(most, limit)
	} else {
		open(most, 0)
	}
	go func() { time.Sleep(time.Hour) }()

	switch name {
	case "pair":
		pairs(count)
	case "batch-lifo":
		batches(count, false)
	case "batch-fifo":
		batches(count, true)
	case "random":
		objects := takeLive(randomly)
		replace(objects, count, seed)
		giveLive(objects)
	case "ramp":
		runtime.KeepAlive(takeLive(count))
	case "buffer-reused":
		buffers(count, false)
	case "buffer-cleared":
		buffers(count, true)
	case "shared":
		workers(2, func(int) { pairs(count / 2) })
	case "threads-4":
		workers(4, func(number int) { mixed(number, count/4) })
	case "threads-16":
		workers(16, func(number int) { mixed(number, count/16) })
	case "ring":
		produceAndConsume(int64(count))
	case "cap":
		atTheCap(count)
	case "successors":
		successors(count)
	}
}
