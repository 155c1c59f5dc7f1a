//! Rate limiter for API requests, per workspace: a sliding window in the memory of this process. It must run after
//! authentication, so that requests without a valid token do not count.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, web};

use crate::auth::error::AuthError;
use crate::auth::extract::LocalBoxFuture;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::web::app_state::AppState;
use crate::web::json;
use crate::workspaces::model::Workspace;

/// Buckets per period. The number bounds the memory per workspace at any rate; a window is longer than the period by at
/// most one bucket.
const BUCKETS_PER_PERIOD: i64 = 360;

/// Allows at most `count` requests per workspace in any period.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    count: u32,
    period: Duration,
    windows: Mutex<SlidingWindows>,
}

#[derive(Debug, Default)]
struct SlidingWindows {
    by_workspace: HashMap<PublicId, SlidingWindow>,
    swept_at: Option<Timestamp>,
}

/// The requests of one workspace in the current window, per bucket, oldest first.
#[derive(Debug, Default)]
struct SlidingWindow {
    buckets: VecDeque<(i64, u32)>,
    total: u32,
}

impl RateLimiter {
    /// Allows `count` requests per `period`.
    #[must_use]
    pub(crate) fn new(count: u32, period: Duration) -> Self {
        Self { count, period, windows: Mutex::default() }
    }

    /// The limit as text: `3600 requests per hour`.
    #[must_use]
    pub(crate) fn describe(&self) -> String {
        let period = match self.period.as_secs() {
            1 => "second",
            60 => "minute",
            3600 => "hour",
            _ => "day",
        };
        format!("{} request{} per {period}", self.count, if self.count == 1 { "" } else { "s" })
    }

    /// Counts a request, or returns the seconds to wait. A rejected request is not counted.
    fn check(&self, workspace: &PublicId, now: Timestamp) -> Result<(), u64> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = windows.by_workspace.get_mut(workspace) {
            return self.count_in(window, now);
        }
        // Idle workspaces are removed only when a new one is added, at most once per period.
        if windows.swept_at.is_none_or(|at| now.since(at) > self.period || at > now) {
            windows
                .by_workspace
                .retain(|_, window| window.buckets.back().is_some_and(|(bucket, _)| self.expires_at(*bucket) > now));
            windows.swept_at = Some(now);
        }
        self.count_in(windows.by_workspace.entry(*workspace).or_default(), now)
    }

    fn count_in(&self, window: &mut SlidingWindow, now: Timestamp) -> Result<(), u64> {
        let mut bucket = now.micros().div_euclid(self.bucket_micros());
        if let Some((newest, _)) = window.buckets.back() {
            // After a small backward step of the clock the newest bucket continues; after a large one the window
            // resets.
            if newest - bucket > BUCKETS_PER_PERIOD {
                *window = SlidingWindow::default();
            } else {
                bucket = bucket.max(*newest);
            }
        }
        while let Some((oldest, count)) =
            window.buckets.front().copied().filter(|(bucket, _)| self.expires_at(*bucket) <= now)
        {
            window.buckets.pop_front();
            window.total -= count;
            debug_assert!(oldest <= bucket, "buckets are in order");
        }
        if let Some((oldest, _)) = window.buckets.front().filter(|_| window.total >= self.count) {
            // Rounded up, so that a request after this wait is accepted.
            let wait = self.expires_at(*oldest).since(now).as_micros().div_ceil(1_000_000);
            return Err(u64::try_from(wait).unwrap_or(u64::MAX).max(1));
        }
        match window.buckets.back_mut().filter(|(newest, _)| *newest == bucket) {
            Some((_, count)) => *count += 1,
            None => window.buckets.push_back((bucket, 1)),
        }
        window.total += 1;
        Ok(())
    }

    /// The length of a bucket in microseconds.
    fn bucket_micros(&self) -> i64 {
        (i64::try_from(self.period.as_micros()).unwrap_or(i64::MAX) / BUCKETS_PER_PERIOD).max(1)
    }

    /// The time from which the requests of a bucket no longer count.
    fn expires_at(&self, bucket: i64) -> Timestamp {
        Timestamp::from_micros((bucket + 1).saturating_mul(self.bucket_micros())) + self.period
    }
}

/// Extractor for an authenticated caller or workspace, `T`, that is within the rate limit, if one is configured.
pub(crate) struct RateLimited<T>(pub T);

/// The reasons why an API request is rejected before its handler.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiRejection {
    /// Authentication failed.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The workspace exceeded its rate limit; holds the seconds to wait.
    #[error("rate limit exceeded for {0} s")]
    RateLimited(u64),
}

impl<T> FromRequest for RateLimited<T>
where
    T: FromRequest<Error = AuthError, Future = LocalBoxFuture<T, AuthError>> + AsRef<Workspace>,
{
    type Error = ApiRejection;
    type Future = RateLimitedFuture<T>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limiter = request.app_data::<web::Data<RateLimiter>>().cloned();
        let limiter = limiter.and_then(|limiter| Some((limiter, request.app_data::<web::Data<AppState>>()?.clone())));
        RateLimitedFuture { authentication: T::from_request(request, payload), limiter }
    }
}

/// The future of [`RateLimited`]. A type of its own, because a second boxed future costs 3 % of the throughput.
pub(crate) struct RateLimitedFuture<T> {
    authentication: LocalBoxFuture<T, AuthError>,
    limiter: Option<(web::Data<RateLimiter>, web::Data<AppState>)>,
}

impl<T: AsRef<Workspace>> Future for RateLimitedFuture<T> {
    type Output = Result<RateLimited<T>, ApiRejection>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let caller = ready!(self.authentication.as_mut().poll(context))?;
        if let Some((limiter, app)) = &self.limiter {
            limiter.check(&caller.as_ref().uuid, app.clock.now()).map_err(ApiRejection::RateLimited)?;
        }
        Poll::Ready(Ok(RateLimited(caller)))
    }
}

impl ResponseError for ApiRejection {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Auth(error) => error.status_code(),
            Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Auth(error) => error.error_response(),
            Self::RateLimited(seconds) => {
                let unit = if *seconds == 1 { "second" } else { "seconds" };
                let detail = format!("Request was throttled. Expected available in {seconds} {unit}.");
                let mut response = json::error(self.status_code(), &detail);
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
                response
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{Clock, ManualClock};
    use crate::base::random;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_micros(1_795_435_200_123_456);

    fn new_workspace() -> PublicId {
        PublicId::new(START, &mut random::os_rng())
    }

    proptest! {
        /// At any rate and for any sequence of requests: no period has more requests than allowed, a request after the
        /// returned wait is accepted, and no wait is longer than a period and a bucket.
        #[test]
        fn the_returned_wait_is_sufficient_and_the_limit_holds(
            count in 1..20u32,
            seconds in prop_oneof![Just(1u64), Just(60), Just(3600), Just(86400)],
            steps in prop::collection::vec((0..2_000_000u64, any::<bool>()), 1..200),
        ) {
            let (period, manual, workspace) = (Duration::from_secs(seconds), ManualClock::at(START), new_workspace());
            let (rate, clock) = (RateLimiter::new(count, period), Clock::Manual(manual.clone()));
            let mut accepted: Vec<Timestamp> = Vec::new();
            for (pause, waits) in steps {
                // Pauses scale with the period: from zero to two thirds of the period's share of one request.
                manual.advance(Duration::from_micros(pause * seconds / u64::from(count) / 3));
                match rate.check(&workspace, clock.now()) {
                    Ok(()) => accepted.push(clock.now()),
                    Err(wait) => {
                        prop_assert!(Duration::from_secs(wait) <= period + period / 360 + Duration::from_secs(1));
                        prop_assert!(wait >= 1);
                        if waits {
                            manual.advance(Duration::from_secs(wait));
                            prop_assert_eq!(rate.check(&workspace, clock.now()), Ok(()), "waited {} s", wait);
                            accepted.push(clock.now());
                        }
                    }
                }
            }
            for (nth, at) in accepted.iter().enumerate() {
                let within = accepted[nth..].iter().take_while(|later| later.since(*at) < period).count();
                prop_assert!(within <= count as usize, "{within} requests in one period");
            }
        }
    }

    #[test]
    fn each_workspace_has_its_own_window_and_idle_ones_are_removed() {
        let (rate, period) = (RateLimiter::new(2, Duration::from_mins(1)), Duration::from_mins(1));
        let (one, other) = (new_workspace(), new_workspace());
        assert_eq!([(); 3].map(|()| rate.check(&one, START)), [Ok(()), Ok(()), Err(61)]);
        assert_eq!(rate.check(&other, START), Ok(()));
        assert_eq!(rate.windows.lock().unwrap().by_workspace.len(), 2);
        assert_eq!(rate.check(&new_workspace(), START + 2 * period), Ok(()));
        assert_eq!(rate.windows.lock().unwrap().by_workspace.len(), 1, "idle workspaces are removed");
    }

    #[test]
    fn memory_per_workspace_is_bounded_at_any_rate() {
        let (rate, workspace) = (RateLimiter::new(u32::MAX, Duration::from_hours(1)), new_workspace());
        for second in 0..20_000 {
            assert_eq!(rate.check(&workspace, START + Duration::from_secs(second)), Ok(()));
        }
        let windows = rate.windows.lock().unwrap();
        let bucket_count = windows.by_workspace[&workspace].buckets.len();
        assert!(bucket_count <= 362, "{bucket_count} buckets");
        assert!(windows.by_workspace[&workspace].total <= 3610, "an hour's requests");
    }

    #[test]
    fn a_clock_set_back_does_not_block_a_workspace() {
        let (rate, workspace) = (RateLimiter::new(1, Duration::from_secs(1)), new_workspace());
        assert_eq!(rate.check(&workspace, START), Ok(()));
        assert!(rate.check(&workspace, START - Duration::from_millis(100)).is_err());
        assert_eq!(rate.check(&workspace, START - Duration::from_hours(1)), Ok(()));
    }
}
