//! Waits for a state instead of a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const STEP: Duration = Duration::from_millis(10);
const MAX_STEPS: u32 = 3000;

/// Waits until something holds, and panics after half a minute.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..MAX_STEPS {
        if holds() {
            return;
        }
        std::thread::sleep(STEP);
    }
    panic!("waited in vain until {what}");
}

/// Sets a flag at the end of a scope, also after a panic, so that the threads that wait for it end.
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
