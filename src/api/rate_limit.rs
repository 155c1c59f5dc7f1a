//! How often the tools of one workspace may call: counted after authentication, in the memory of this process.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER, VARY};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, web};

use crate::auth::caller::Caller;
use crate::auth::error::AuthError;
use crate::auth::extract::{Authenticated, LocalBoxFuture};
use crate::auth::token_cache::CachedIdentity;
use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::web::app_state::AppState;
use crate::web::headers::VARY_AUTHORIZATION;
use crate::web::json;

/// A period is counted in so many slices. That bounds what is kept of a workspace, whatever the rate, and makes the
/// period at most a 360th too long.
const BUCKETS: i64 = 360;

/// At most so many requests of a workspace in any period of this length.
#[derive(Debug)]
pub struct RateLimiter {
    count: u32,
    period: Duration,
    windows: Mutex<SlidingWindows>,
}

#[derive(Debug, Default)]
struct SlidingWindows {
    of: HashMap<PublicId, SlidingWindow>,
    swept_at: Option<Timestamp>,
}

/// The requests of one workspace that still count, by slice, the oldest first.
#[derive(Debug, Default)]
struct SlidingWindow {
    slices: VecDeque<(i64, u32)>,
    total: u32,
}

impl RateLimiter {
    /// `count` requests a `period`.
    #[must_use]
    pub fn new(count: u32, period: Duration) -> Self {
        Self { count, period, windows: Mutex::default() }
    }

    /// For people: `3600 requests in 1 hour`.
    #[must_use]
    pub fn for_people(&self) -> String {
        let period = match self.period.as_secs() {
            1 => "second",
            60 => "minute",
            3600 => "hour",
            _ => "day",
        };
        format!("{} request{} in one {period}", self.count, if self.count == 1 { "" } else { "s" })
    }

    /// Counts a request, or says how many seconds to wait. A request that is refused is not counted.
    fn check(&self, workspace: &PublicId, now: Timestamp) -> Result<(), u64> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = windows.of.get_mut(workspace) {
            return self.take_from(window, now);
        }
        // Room is made when it is asked for: a workspace that was silent for a period is forgotten.
        if windows.swept_at.is_none_or(|at| now.since(at) > self.period || at > now) {
            windows.of.retain(|_, window| window.slices.back().is_some_and(|(slice, _)| self.end(*slice) > now));
            windows.swept_at = Some(now);
        }
        self.take_from(windows.of.entry(*workspace).or_default(), now)
    }

    fn take_from(&self, window: &mut SlidingWindow, now: Timestamp) -> Result<(), u64> {
        let mut slice = now.micros().div_euclid(self.slice());
        if let Some((newest, _)) = window.slices.back() {
            // A clock that was set back a little goes on in the newest slice; one set back far begins anew.
            if newest - slice > BUCKETS {
                *window = SlidingWindow::default();
            } else {
                slice = slice.max(*newest);
            }
        }
        while let Some((oldest, count)) = window.slices.front().copied().filter(|(slice, _)| self.end(*slice) <= now) {
            window.slices.pop_front();
            window.total -= count;
            debug_assert!(oldest <= slice, "slices are in order");
        }
        if let Some((oldest, _)) = window.slices.front().filter(|_| window.total >= self.count) {
            // Rounded up: who waits as long as told must be let in.
            let wait = self.end(*oldest).since(now).as_micros().div_ceil(1_000_000);
            return Err(u64::try_from(wait).unwrap_or(u64::MAX).max(1));
        }
        match window.slices.back_mut().filter(|(newest, _)| *newest == slice) {
            Some((_, count)) => *count += 1,
            None => window.slices.push_back((slice, 1)),
        }
        window.total += 1;
        Ok(())
    }

    /// The length of a slice in microseconds.
    fn slice(&self) -> i64 {
        (i64::try_from(self.period.as_micros()).unwrap_or(i64::MAX) / BUCKETS).max(1)
    }

    /// When the requests of a slice stop counting.
    fn end(&self, slice: i64) -> Timestamp {
        Timestamp::from_micros((slice + 1).saturating_mul(self.slice())) + self.period
    }
}

/// A [`Bearer`] whose workspace did not call too often.
pub struct RateLimited<T = Caller>(pub Arc<T>);

/// Why a caller of the API is not served.
#[derive(Debug)]
pub enum ApiRejection {
    /// They were not let in.
    Auth(AuthError),
    /// Their workspace calls too often: come again in so many seconds.
    RateLimited(u64),
}

impl<T: CachedIdentity> FromRequest for RateLimited<T> {
    type Error = ApiRejection;
    type Future = RateLimitedFuture<T>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let rate = request.app_data::<web::Data<RateLimiter>>();
        let rate = rate.and_then(|rate| Some((rate.clone(), request.app_data::<web::Data<AppState>>()?.clone())));
        RateLimitedFuture { arriving: Authenticated::from_request(request, payload), rate }
    }
}

/// The future of an [`Admitted`]: a [`Bearer`]'s, and nothing more while there is no rate.
pub struct RateLimitedFuture<T> {
    arriving: LocalBoxFuture<Authenticated<T>>,
    rate: Option<(web::Data<RateLimiter>, web::Data<AppState>)>,
}

impl<T: CachedIdentity> Future for RateLimitedFuture<T> {
    type Output = Result<RateLimited<T>, ApiRejection>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let arrived = ready!(self.arriving.as_mut().poll(context));
        Poll::Ready(arrived.map_err(ApiRejection::Auth).and_then(|Authenticated(caller)| {
            if let Some((rate, app)) = &self.rate {
                rate.check(&caller.workspace().uuid, app.clock.now()).map_err(ApiRejection::RateLimited)?;
            }
            Ok(RateLimited(caller))
        }))
    }
}

impl fmt::Display for ApiRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auth(error) => fmt::Display::fmt(error, f),
            Self::RateLimited(seconds) => write!(f, "throttled for {seconds} s"),
        }
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
                let mut answer = json::error(self.status_code(), &detail);
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
                answer.headers_mut().insert(VARY, VARY_AUTHORIZATION);
                answer
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

    fn workspace() -> PublicId {
        PublicId::new(START, &mut random::os_rng())
    }

    proptest! {
        /// Whatever the rate and the requests: never more in a period than allowed, who waits as told is let in, and
        /// nobody is told to wait longer than a period and a slice.
        #[test]
        fn waiting_as_told_is_enough_and_the_rate_holds(
            count in 1..20u32,
            seconds in prop_oneof![Just(1u64), Just(60), Just(3600), Just(86400)],
            steps in prop::collection::vec((0..2_000_000u64, any::<bool>()), 1..200),
        ) {
            let (period, manual, me) = (Duration::from_secs(seconds), ManualClock::at(START), workspace());
            let (rate, clock) = (RateLimiter::new(count, period), Clock::Manual(manual.clone()));
            let mut let_in: Vec<Timestamp> = Vec::new();
            for (pause, waits) in steps {
                // Pauses in proportion to the period: from none to two thirds of what one request costs.
                manual.advance(Duration::from_micros(pause * seconds / u64::from(count) / 3));
                match rate.check(&me, clock.now()) {
                    Ok(()) => let_in.push(clock.now()),
                    Err(wait) => {
                        prop_assert!(Duration::from_secs(wait) <= period + period / 360 + Duration::from_secs(1));
                        prop_assert!(wait >= 1);
                        if waits {
                            manual.advance(Duration::from_secs(wait));
                            prop_assert_eq!(rate.check(&me, clock.now()), Ok(()), "waited {} s", wait);
                            let_in.push(clock.now());
                        }
                    }
                }
            }
            for (nth, at) in let_in.iter().enumerate() {
                let within = let_in[nth..].iter().take_while(|later| later.since(*at) < period).count();
                prop_assert!(within <= count as usize, "{within} requests in one period");
            }
        }
    }

    #[test]
    fn each_workspace_is_counted_for_itself_and_forgotten_when_silent() {
        let (rate, period) = (RateLimiter::new(2, Duration::from_mins(1)), Duration::from_mins(1));
        let (one, other) = (workspace(), workspace());
        assert_eq!([(); 3].map(|()| rate.check(&one, START)), [Ok(()), Ok(()), Err(61)]);
        assert_eq!(rate.check(&other, START), Ok(()));
        assert_eq!(rate.windows.lock().unwrap().of.len(), 2);
        assert_eq!(rate.check(&workspace(), START + 2 * period), Ok(()));
        assert_eq!(rate.windows.lock().unwrap().of.len(), 1, "the silent ones are gone");
    }

    #[test]
    fn what_is_kept_of_a_workspace_is_bounded_whatever_the_rate() {
        let (rate, me) = (RateLimiter::new(u32::MAX, Duration::from_hours(1)), workspace());
        for second in 0..20_000 {
            assert_eq!(rate.check(&me, START + Duration::from_secs(second)), Ok(()));
        }
        let windows = rate.windows.lock().unwrap();
        let kept = windows.of[&me].slices.len();
        assert!(kept <= 362, "{kept} slices");
        assert!(windows.of[&me].total <= 3610, "an hour's requests");
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let (rate, me) = (RateLimiter::new(1, Duration::from_secs(1)), workspace());
        assert_eq!(rate.check(&me, START), Ok(()));
        assert!(rate.check(&me, START - Duration::from_millis(100)).is_err());
        assert_eq!(rate.check(&me, START - Duration::from_hours(1)), Ok(()));
    }
}
