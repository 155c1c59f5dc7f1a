//! Column lists, and conversions from columns to the program's types. Queries write these types with `.as_str()` and
//! `.micros()`.

use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::note::Note;
use crate::base::text::DisplayName;
use crate::db::ids::{MembershipId, TokenId, UserId, ValueId, WorkspaceId};

/// Defines how a type is read from the database: a constant with its columns for `select`, of a type with the same name, as
/// for diesel's columns, and the conversion. It builds the type from the values of the columns.
#[macro_export]
macro_rules! impl_select {
    ($(#[$doc:meta])* $name:ident: $type:ty { $($field:ident: $kind:ty = $column:path),+ $(,)? }) => {
        $crate::impl_select! { $(#[$doc])* $name: $type { $($field: $kind = $column),+ } => Self { $($field),+ } }
    };
    ($(#[$doc:meta])* $name:ident: $type:ty { $($field:ident: $kind:ty = $column:path),+ $(,)? } => $build:expr) => {
        $(#[$doc])*
        pub(crate) const $name: $name = ($($column),+);
        #[expect(clippy::upper_case_acronyms, reason = "the name of the constant")]
        pub(crate) type $name = ($($column),+);

        impl<DB, ST> diesel::deserialize::Queryable<ST, DB> for $type
        where
            DB: diesel::backend::Backend,
            ($($kind),+): diesel::deserialize::FromStaticSqlRow<ST, DB>,
        {
            type Row = ($($kind),+);
            fn build(($($field),+): Self::Row) -> diesel::deserialize::Result<Self> {
                Ok($build)
            }
        }
    };
}

/// Runs the same query on the connection type of whichever backend is in use. For queries that do not compile on the
/// multi-backend connection (a `Vec` of rows), and for frequent queries: on the multi-backend connection diesel
/// generates the SQL each time, on a single backend it finds the prepared statement by the query's type.
#[macro_export]
macro_rules! match_backend {
    ($either:expr, $conn:ident => $query:expr) => {
        match $either {
            $crate::db::DbConnection::Postgres($conn) => $query,
            $crate::db::DbConnection::Sqlite($conn) => $query,
        }
    };
}

/// Implements reading a type from a column whose Rust type is `$stored`, with a function that returns a `Result`.
#[macro_export]
macro_rules! impl_column {
    ($type:ty: $sql_type:ident as $stored:ty, $read:expr) => {
        impl<DB> diesel::deserialize::FromSql<diesel::sql_types::$sql_type, DB> for $type
        where
            DB: diesel::backend::Backend,
            $stored: diesel::deserialize::FromSql<diesel::sql_types::$sql_type, DB>,
        {
            fn from_sql(raw: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                let read: fn($stored) -> diesel::deserialize::Result<Self> = $read;
                read(diesel::deserialize::FromSql::<diesel::sql_types::$sql_type, DB>::from_sql(raw)?)
            }
        }

        impl<DB> diesel::deserialize::Queryable<diesel::sql_types::$sql_type, DB> for $type
        where
            DB: diesel::backend::Backend,
            $type: diesel::deserialize::FromSql<diesel::sql_types::$sql_type, DB>,
        {
            type Row = Self;
            fn build(row: Self) -> diesel::deserialize::Result<Self> {
                Ok(row)
            }
        }
    };
}

/// Implements reading from a text column, with `FromStr` or with another function that returns a `Result`.
#[macro_export]
macro_rules! impl_text_column {
    ($($type:ty),+ $(,)?) => {$(
        $crate::impl_text_column!($type = str::parse::<$type>);
    )+};
    ($type:ty = $parse:expr) => {
        $crate::impl_column!($type: Text as String, |text| {
            $parse(text.as_str()).map_err(|_| concat!("not a ", stringify!($type)).into())
        });
    };
}

macro_rules! impl_integer_column {
    ($($type:ty = $convert:expr),+ $(,)?) => {$(
        impl_column!($type: BigInt as i64, |number| Ok($convert(number)));
    )+};
}

impl_text_column!(PublicId, Note);
impl_text_column!(DisplayName = DisplayName::from_stored);

impl_integer_column! {
    Timestamp = Timestamp::from_micros,
    UserId = UserId,
    WorkspaceId = WorkspaceId,
    MembershipId = MembershipId,
    TokenId = TokenId,
    ValueId = ValueId,
}
