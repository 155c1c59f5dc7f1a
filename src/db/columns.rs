//! How columns are named, and how values of ours are read from them. They are written by `.as_str()` and `.micros()`.

use crate::base::clock::Timestamp;
use crate::base::id::PublicId;
use crate::base::text::DisplayName;

/// Names columns that are read together, once for the query and once for its type.
#[macro_export]
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident: $type:ident = $columns:tt) => {
        #[doc = concat!("The columns of [`", stringify!($name), "`].")]
        pub(crate) type $type = $columns;
        $(#[$doc])*
        pub(crate) const $name: $type = $columns;
    };
}

/// The same query for whichever database it is, each on a connection of its own kind. For what does not compile on both
/// at once (a `Vec` of rows), and for the few queries that are asked so often that it counts: on both at once diesel
/// writes the text of a query anew each time, on one it knows a prepared statement by its type.
#[macro_export]
macro_rules! on_its_own {
    ($either:expr, $conn:ident => $query:expr) => {
        match $either {
            $crate::db::DbConnection::Postgres($conn) => $query,
            $crate::db::DbConnection::Sqlite($conn) => $query,
        }
    };
}

/// Lets a type that is `FromStr` be read from a text column.
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
