// name: Go sync.Pool

package main

import "sync"

const capped = false

var pool = sync.Pool{New: func() interface{} { return new(object) }}

func open(live, limit int) {}

func take() *object { return pool.Get().(*object) }

func give(given *object) { pool.Put(given) }
