//! A message is declared once: its fields with their labels give the type, the encoder and the decoder.

/// Declares a struct that is a CBOR map with integer labels, or, with `array`, a CBOR array in the order of its fields.
macro_rules! message {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $label:literal => $field_vis:vis $field:ident : $type:ty),* $(,)?
    }) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type),*
        }

        impl $crate::codec::Cbor for $name {
            fn to_value(&self) -> ciborium::Value {
                $crate::codec::map([$(($label, $crate::codec::Cbor::to_field(&self.$field))),*])
            }

            fn from_value(value: ciborium::Value, field: &'static str) -> Result<Self, $crate::codec::Malformed> {
                let mut fields = $crate::codec::Fields::new(value, field)?;
                let message = Self { $($field: fields.take($label, stringify!($field))?),* };
                fields.finish()?;
                Ok(message)
            }
        }
    };
    ($(#[$meta:meta])* $vis:vis array $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty),* $(,)?
    }) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type),*
        }

        impl $crate::codec::Cbor for $name {
            fn to_value(&self) -> ciborium::Value {
                ciborium::Value::Array(vec![$($crate::codec::Cbor::to_value(&self.$field)),*])
            }

            fn from_value(value: ciborium::Value, field: &'static str) -> Result<Self, $crate::codec::Malformed> {
                let expected = concat!("an array of ", stringify!($($field),*));
                let unexpected = $crate::codec::Malformed::Unexpected { field, expected };
                let Ok(items) = value.into_array() else { return Err(unexpected) };
                let mut items = items.into_iter();
                let message = Self { $($field: $crate::codec::Cbor::from_field(items.next(), stringify!($field))?),* };
                match items.next() {
                    None => Ok(message),
                    Some(_) => Err(unexpected),
                }
            }
        }
    };
}
pub(crate) use message;
