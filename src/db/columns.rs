//! Column lists, and conversions from columns to the program's types. Queries write these types with `.as_str()` and
//! `.micros()`.

use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::text::DisplayName;

/// Defines a named column list, as a constant for queries and as a type.
#[macro_export]
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident: $type:ident = $columns:tt) => {
        #[doc = concat!("The columns of [`", stringify!($name), "`].")]
        pub(crate) type $type = $columns;
        $(#[$doc])*
        pub(crate) const $name: $type = $columns;
    };
}

/// Runs the same query on the connection type of whichever backend is in use. For queries that do not compile on the
/// multi-backend connection (a `Vec` of rows), and for frequent queries: on the multi-backend connection diesel
/// generates the SQL each time, on a single backend it finds the prepared statement by the query's type.
#[macro_export]
macro_rules! on_its_own {
    ($either:expr, $conn:ident => $query:expr) => {
        match $either {
            $crate::db::DbConnection::Postgres($conn) => $query,
            $crate::db::DbConnection::Sqlite($conn) => $query,
        }
    };
}

/// Implements reading from a text column for types that implement `FromStr`.
#[macro_export]
macro_rules! text_column {
    ($($type:ty),+ $(,)?) => {$(
        impl<DB> diesel::deserialize::FromSql<diesel::sql_types::Text, DB> for $type
        where
            DB: diesel::backend::Backend,
            String: diesel::deserialize::FromSql<diesel::sql_types::Text, DB>,
        {
            fn from_sql(raw: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                let text = <String as diesel::deserialize::FromSql<diesel::sql_types::Text, DB>>::from_sql(raw)?;
                text.parse::<$type>().map_err(|_| concat!("not a ", stringify!($type)).into())
            }
        }

        impl<DB> diesel::deserialize::Queryable<diesel::sql_types::Text, DB> for $type
        where
            DB: diesel::backend::Backend,
            $type: diesel::deserialize::FromSql<diesel::sql_types::Text, DB>,
        {
            type Row = Self;
            fn build(row: Self) -> diesel::deserialize::Result<Self> {
                Ok(row)
            }
        }
    )+};
}

text_column!(PublicId, DisplayName);

impl<DB> diesel::deserialize::FromSql<diesel::sql_types::BigInt, DB> for Timestamp
where
    DB: diesel::backend::Backend,
    i64: diesel::deserialize::FromSql<diesel::sql_types::BigInt, DB>,
{
    fn from_sql(raw: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
        Ok(Self::from_micros(<i64 as diesel::deserialize::FromSql<diesel::sql_types::BigInt, DB>>::from_sql(raw)?))
    }
}

impl<DB> diesel::deserialize::Queryable<diesel::sql_types::BigInt, DB> for Timestamp
where
    DB: diesel::backend::Backend,
    Timestamp: diesel::deserialize::FromSql<diesel::sql_types::BigInt, DB>,
{
    type Row = Self;
    fn build(row: Self) -> diesel::deserialize::Result<Self> {
        Ok(row)
    }
}
