//! The expiry fields of the forms that create a value.

use crate::accounts::kept_form::Prefill;
use crate::base::clock::Timestamp;
use crate::base::local_time::{DateStyle, TimeFormat};
use crate::tokens::expiry::Expiry;
use crate::web::form::Form;
use crate::workspaces::extract::CurrentMember;

/// The period that the form of a new token recommends, in days.
const RECOMMENDED: u16 = 90;

/// The expiry fields of a form. Their times are in the workspace's zone, as a date in the form is.
pub(crate) struct ExpiryField {
    /// The value of the selected option.
    pub choice: String,
    /// The day for the option `date`: `2027-03-31`.
    pub date: String,
    pub error: Option<String>,
    pub date_style: DateStyle,
    /// The expiry that gives the new value the same length as the current one.
    same: Option<Timestamp>,
    is_never_first: bool,
    times: TimeFormat,
}

/// An option of the select element.
pub(crate) struct ExpiryOption {
    pub value: String,
    pub label: String,
    /// What the choice means, as a sentence. Empty for the option that needs a date.
    pub preview: String,
}

impl ExpiryField {
    /// The fields for a new token.
    pub(crate) fn new(member: &CurrentMember) -> Self {
        Self {
            choice: RECOMMENDED.to_string(),
            date: String::new(),
            error: None,
            date_style: member.workspace.profile.date_style,
            same: None,
            is_never_first: false,
            times: member.workspace_times(),
        }
    }

    /// The fields for a rotation: the first option is the length of the current value, which is `same` from now.
    pub(crate) fn for_rotation(member: &CurrentMember, same: Option<Timestamp>) -> Self {
        let choice = if same.is_some() { "same" } else { "never" };
        Self { choice: choice.to_owned(), same, is_never_first: same.is_none(), ..Self::new(member) }
    }

    /// The fields as they were sent, with a message.
    pub(crate) fn typed(self, form: &Form, error: Option<String>) -> Self {
        Self { choice: form.text("expiry").to_owned(), date: form.text("expires_on").to_owned(), error, ..self }
    }

    /// The fields as they were sent before the session ended.
    pub(crate) fn prefilled(self, prefill: &Prefill) -> Self {
        match prefill.form().filter(|form| form.is_present("expiry")) {
            Some(form) => self.typed(form, None),
            None => self,
        }
    }

    /// The options, in the order of the page.
    pub(crate) fn options(&self) -> Vec<ExpiryOption> {
        let option =
            |value: &str, label: String, preview: String| ExpiryOption { value: value.to_owned(), label, preview };
        let same = self.same.map(|at| {
            let label = format!("Same period as before, until {}", self.times.end(at));
            option("same", label, describe_expiry(Some(at), &self.times))
        });
        let periods = Expiry::PERIODS.into_iter().map(|days| {
            let label = match days {
                RECOMMENDED => format!("In {days} days (recommended)"),
                365 => "In 1 year".to_owned(),
                days => format!("In {days} days"),
            };
            let ends_at = Expiry::Days(days).ends_at(self.times.now());
            option(&days.to_string(), label, describe_expiry(ends_at, &self.times))
        });
        let never = "Without an expiry date, a leaked token works until someone notices and deletes it.";
        let never = option("never", "No expiration".to_owned(), never.to_owned());
        let date = option("date", "Custom date…".to_owned(), String::new());
        let mut options: Vec<_> = same.into_iter().chain(periods).chain([date]).collect();
        options.insert(if self.is_never_first { 0 } else { options.len() }, never);
        options
    }

    /// The last minute of a day, with the zone: `23:59 Kigali time`.
    pub(crate) fn end_of_day(&self) -> String {
        let end = self.times.end_of_day(&self.times.today()).unwrap_or(self.times.now());
        self.times.clock(self.times.last_moment(end))
    }
}

/// The end of a value: `Expires Wed 24 Feb 2027, 23:59 Kigali time`.
pub(crate) fn describe_expiry(ends_at: Option<Timestamp>, times: &TimeFormat) -> String {
    ends_at.map_or_else(
        || "No expiration".to_owned(),
        |at| format!("Expires {}", times.weekday_date_time(times.last_moment(at))),
    )
}
