//! What the server has of all grants together: tried, opened and put in its place in the
//! order of the list.

use std::time::Duration;

use super::grant::Grant;
use super::list::for_each_grant;
use super::shared::{Around, Asked, Findings, News, Shared};
use crate::problem::Problem;

macro_rules! shared_grants {
    ($($name:ident: $grant:ident,)*) => {
        /// What the server has of all grants.
        #[derive(Debug)]
        pub(crate) struct SharedGrants {
            $(pub(in crate::handlers) $name: <super::$name::$grant as Grant>::Shared,)*
        }

        /// What was opened of all grants, and has yet to take its place.
        pub(crate) struct OpenedGrants {
            $($name: <<super::$name::$grant as Grant>::Shared as Shared>::Opened,)*
        }

        impl SharedGrants {
            pub(in crate::handlers) fn new(around: &Around<'_>) -> Self {
                Self { $($name: Shared::new(around),)* }
            }

            /// Finds what is wrong with what is asked, and changes nothing.
            pub(crate) fn try_out(&self, asked: &Asked<'_>) -> Findings {
                let mut findings = Findings::default();
                $(Shared::try_out(&self.$name, asked, &mut findings);)*
                findings
            }

            /// Opens what is asked, in the order of the list, until something cannot be.
            ///
            /// # Errors
            ///
            /// All that cannot be opened of that.
            pub(crate) fn open(
                &self,
                asked: &Asked<'_>,
                patience: Duration,
            ) -> Result<OpenedGrants, Vec<Problem>> {
                Ok(OpenedGrants { $($name: Shared::open(&self.$name, asked, patience)?,)* })
            }

            /// Lets handlers have what was opened; gives what is to be said of it.
            pub(crate) fn put(&self, opened: OpenedGrants, asked: &Asked<'_>) -> Vec<News> {
                let mut news = Vec::new();
                $(Shared::put(&self.$name, opened.$name, asked, &mut news);)*
                news
            }

            /// Closes what has to be closed at the end of the process.
            pub(crate) fn close(&self) {
                $(Shared::close(&self.$name);)*
            }
        }
    };
}
for_each_grant!(shared_grants);
