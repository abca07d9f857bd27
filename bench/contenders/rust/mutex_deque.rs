// name: Rust Arc<Mutex<VecDeque>>
// A pool behind Arc<Mutex<VecDeque>> whose guard gives the object back when it is dropped, and the workloads of
// ../../workload.c for it. usage: NAME PAIRS. Exit status 77: no such workload here.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::{env, process, ptr, thread, time::Duration};

const fn number(text: &str) -> usize {
    let (bytes, mut value, mut i) = (text.as_bytes(), 0, 0);
    while i < bytes.len() {
        value = value * 10 + (bytes[i] - b'0') as usize;
        i += 1;
    }
    value
}
const OBJECT_SIZE: usize = number(env!("OBJECT_SIZE"));

struct Object {
    word: u64,
    rest: [u8; OBJECT_SIZE - 8],
}

impl Object {
    fn boxed() -> Box<Object> {
        Box::new(Object { word: 0, rest: [0; OBJECT_SIZE - 8] })
    }
}

struct Shelf {
    idle: VecDeque<Box<Object>>,
    made: usize,
    limit: usize,
}

#[derive(Clone)]
struct Pool(Arc<Mutex<Shelf>>);

struct Guard {
    object: Option<Box<Object>>,
    pool: Pool,
}

impl Pool {
    fn new(limit: usize) -> Pool {
        Pool(Arc::new(Mutex::new(Shelf { idle: VecDeque::new(), made: 0, limit })))
    }

    fn take(&self) -> Option<Guard> {
        let mut shelf = self.0.lock().unwrap();
        let mut object = shelf.idle.pop_back();
        if object.is_none() {
            if shelf.made == shelf.limit {
                return None;
            }
            shelf.made += 1;
            drop(shelf);
            object = Some(Object::boxed());
        }
        Some(Guard { object, pool: self.clone() })
    }

    fn take_and_touch(&self) -> Guard {
        let mut taken = self.take().expect("the pool refused");
        let object = taken.object.as_mut().unwrap();
        unsafe { ptr::write_volatile(&mut object.word, 1) };
        taken
    }

    fn take_live(&self, count: usize) -> Vec<Guard> {
        (0..count).map(|_| self.take_and_touch()).collect()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            self.pool.0.lock().unwrap().idle.push_back(object);
        }
    }
}

const BATCH: usize = 64;
const RANDOMLY: usize = 10000;
const MIXED_LIVE: usize = 256;
const RING: usize = 1024;
const LIMIT: usize = 64;
const CHAINS: usize = 4;
const CHAIN_LIVE: usize = 1000;
const STEPS: usize = 20000;
const SEED: u64 = 88172645463325252;

#[inline(never)]
fn pairs(pool: &Pool, count: usize) {
    for _ in 0..count {
        drop(black_box(pool.take_and_touch()));
    }
}

#[inline(never)]
fn batches(pool: &Pool, count: usize, first_in_first_out: bool) {
    let mut held: Vec<Guard> = Vec::with_capacity(BATCH);
    for _ in 0..count.div_ceil(BATCH) {
        for _ in 0..BATCH {
            held.push(pool.take_and_touch());
        }
        if first_in_first_out {
            held.drain(..).for_each(drop);
        } else {
            while held.pop().is_some() {}
        }
    }
}

#[inline(never)]
fn replace(pool: &Pool, live: &mut [Guard], count: usize, random: &mut u64) {
    for _ in 0..count {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let victim = ((*random >> 32) * live.len() as u64 >> 32) as usize;
        live[victim] = pool.take_and_touch();
    }
}

fn buffers(pool: &Pool, count: usize, clear: bool) {
    for _ in 0..count {
        let mut taken = pool.take().expect("the pool refused");
        let object = taken.object.as_mut().unwrap();
        if clear {
            object.rest.fill(0);
        }
        unsafe { ptr::write_volatile(&mut object.word, 1) };
        drop(black_box(taken));
    }
}

extern "C" {
    fn sched_getaffinity(process: i32, size: usize, set: *mut u64) -> i32;
    fn sched_setaffinity(process: i32, size: usize, set: *const u64) -> i32;
}

/// Puts the calling thread on one processor of those the process was given.
fn pin(allowed: &[u64; 16], which: usize) {
    let given: Vec<usize> = (0..1024).filter(|i| allowed[i / 64] >> (i % 64) & 1 == 1).collect();
    let mine = given[which % given.len()];
    let mut set = [0u64; 16];
    set[mine / 64] = 1 << (mine % 64);
    let result = unsafe { sched_setaffinity(0, 128, set.as_ptr()) };
    assert_eq!(result, 0, "pinning a thread");
}

fn workers(pool: &Pool, allowed: &[u64; 16], number: usize, body: impl Fn(&Pool, usize) + Sync) {
    thread::scope(|scope| {
        for i in 0..number {
            let (pool, body) = (pool.clone(), &body);
            scope.spawn(move || {
                pin(allowed, i);
                body(&pool, i);
            });
        }
    });
}

fn mixed(pool: &Pool, number: usize, count: usize) {
    let mut random = SEED.wrapping_add(0x9E3779B97F4A7C15u64.wrapping_mul(number as u64));
    let mut live = pool.take_live(MIXED_LIVE);
    for _ in 0..count / 2 {
        pairs(pool, 1);
        replace(pool, &mut live, 1, &mut random);
    }
}

#[repr(align(128))]
struct Line(AtomicUsize);

fn wait_for(ready: impl Fn() -> bool) {
    let mut rounds = 0;
    while !ready() {
        std::hint::spin_loop();
        rounds += 1;
        if rounds % 2000 == 0 {
            thread::yield_now();
        }
    }
}

fn produce_and_consume(pool: &Pool, allowed: &[u64; 16], count: usize) {
    let (filled, emptied) = (Line(AtomicUsize::new(0)), Line(AtomicUsize::new(0)));
    struct Ring(Vec<std::cell::UnsafeCell<Option<Guard>>>);
    unsafe impl Sync for Ring {} // filled and emptied order the two sides
    let ring = Ring((0..RING).map(|_| std::cell::UnsafeCell::new(None)).collect());
    let ring = &ring;
    workers(pool, allowed, 2, |pool, number| {
        for done in (0..count).step_by(BATCH) {
            if number == 0 {
                wait_for(|| done + BATCH - emptied.0.load(Ordering::Acquire) <= RING);
                for i in done..done + BATCH {
                    unsafe { *ring.0[i % RING].get() = Some(pool.take_and_touch()) };
                }
                filled.0.store(done + BATCH, Ordering::Release);
            } else {
                wait_for(|| filled.0.load(Ordering::Acquire) >= done + BATCH);
                for i in done..done + BATCH {
                    let received = unsafe { (*ring.0[i % RING].get()).take() }.expect("an empty place in the ring");
                    assert_eq!(received.object.as_ref().unwrap().word, 1);
                }
                emptied.0.store(done + BATCH, Ordering::Release);
            }
        }
    });
}

fn at_the_cap(pool: &Pool, allowed: &[u64; 16], count: usize) {
    let turn = Line(AtomicUsize::new(0));
    workers(pool, allowed, 2, |pool, number| {
        for i in (number..count / LIMIT).step_by(2) {
            wait_for(|| turn.0.load(Ordering::Acquire) == i);
            let mut held = pool.take_live(LIMIT);
            while held.pop().is_some() {}
            turn.0.store(i + 1, Ordering::Release);
        }
    });
}

type Ended = Arc<(Mutex<usize>, Condvar)>;

fn chain(pool: Pool, allowed: [u64; 16], number: usize, mut live: Vec<Guard>, left: usize, mut random: u64, ended: Ended) {
    pin(&allowed, number);
    let now = left.min(STEPS);
    replace(&pool, &mut live, now, &mut random);
    if left > now {
        thread::spawn(move || chain(pool, allowed, number, live, left - now, random, ended));
    } else {
        drop(live);
        *ended.0.lock().unwrap() += 1;
        ended.1.notify_one();
    }
}

fn successors(pool: &Pool, allowed: &[u64; 16], count: usize) {
    let ended: Ended = Arc::default();
    for i in 0..CHAINS {
        let (pool, allowed, live, ended) = (pool.clone(), *allowed, pool.take_live(CHAIN_LIVE), ended.clone());
        thread::spawn(move || chain(pool, allowed, i, live, count / CHAINS, SEED + i as u64, ended));
    }
    let mut done = ended.0.lock().unwrap();
    while *done < CHAINS {
        done = ended.1.wait(done).unwrap();
    }
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let (name, count) = match arguments.as_slice() {
        [_, name, count] => (name.as_str(), count.parse::<usize>().unwrap_or(usize::MAX)),
        _ => ("", usize::MAX),
    };
    if count == usize::MAX {
        eprintln!("usage: workload NAME PAIRS");
        process::exit(2);
    }
    let mut allowed = [0u64; 16];
    assert!(unsafe { sched_getaffinity(0, 128, allowed.as_mut_ptr()) } >= 0, "sched_getaffinity");
    pin(&allowed, 0);
    let pool = Pool::new(if name == "cap" { LIMIT } else { usize::MAX });
    thread::spawn(|| thread::sleep(Duration::from_secs(3600)));
    match name {
        "pair" => pairs(&pool, count),
        "batch-lifo" => batches(&pool, count, false),
        "batch-fifo" => batches(&pool, count, true),
        "random" => {
            let mut live = pool.take_live(RANDOMLY);
            replace(&pool, &mut live, count, &mut SEED.clone());
        }
        "ramp" => std::mem::forget(pool.take_live(count)),
        "buffer-reused" => buffers(&pool, count, false),
        "buffer-cleared" => buffers(&pool, count, true),
        "shared" => workers(&pool, &allowed, 2, |pool, _| pairs(pool, count / 2)),
        "threads-4" => workers(&pool, &allowed, 4, |pool, i| mixed(pool, i, count / 4)),
        "threads-16" => workers(&pool, &allowed, 16, |pool, i| mixed(pool, i, count / 16)),
        "ring" => produce_and_consume(&pool, &allowed, count),
        "cap" => at_the_cap(&pool, &allowed, count),
        "successors" => successors(&pool, &allowed, count),
        _ => process::exit(77),
    }
}
