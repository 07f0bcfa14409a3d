//! How often something that may pass is tried again.

use std::thread;
use std::time::Duration;

use super::error::FetchError;

const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    failures: u32,
}

impl Patience {
    /// Pauses, longer each time, if `error` may pass.
    ///
    /// # Errors
    ///
    /// `error` itself, if it will not pass or has come too often.
    pub(crate) fn bear(&mut self, error: FetchError) -> Result<(), FetchError> {
        self.failures += 1;
        if !error.is_passing() || self.failures >= TRIES {
            return Err(error);
        }
        thread::sleep(FIRST_PAUSE * 2_u32.pow(self.failures - 1));
        Ok(())
    }

    /// Tries until it works, or patience ends.
    pub(crate) fn insist<T>(
        mut attempt: impl FnMut() -> Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        let mut patience = Self::default();
        loop {
            match attempt() {
                Ok(value) => return Ok(value),
                Err(error) => patience.bear(error)?,
            }
        }
    }
}
