//! Orders of the list of all tokens in a workspace.

use strum::{EnumString, IntoStaticStr};

use crate::db::list_page::Direction;
use crate::web::list::ListOrder;

/// An order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub(crate) enum TokenOrder {
    #[default]
    Owner,
    Name,
    Used,
    Created,
    Expires,
}

impl ListOrder for TokenOrder {
    fn as_str(self) -> &'static str {
        self.into_str()
    }

    fn direction(self) -> Direction {
        match self {
            Self::Owner | Self::Name | Self::Expires => Direction::Ascending,
            Self::Used | Self::Created => Direction::Descending,
        }
    }
}
