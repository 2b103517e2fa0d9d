//! CBOR to values.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::reader::{Integer, Length, MALFORMED, Reader, utf8};
use super::{Failure, major, simple};

impl<'de> Reader<'de> {
    fn seq<V: Visitor<'de>>(&mut self, left: Length, visitor: V) -> Result<V::Value, Failure> {
        self.nested(|reader| whole(Items { reader, left }, |items| visitor.visit_seq(items)))
    }

    fn map<V: Visitor<'de>>(&mut self, left: Length, visitor: V) -> Result<V::Value, Failure> {
        self.nested(|reader| whole(Items { reader, left }, |items| visitor.visit_map(items)))
    }
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            match self.integer()? {
                Integer::Unsigned(value) => visitor.visit_u64(value),
                Integer::Negative(value) => visitor.visit_i64(value),
            }
        }
    )*};
}

/// Reads by the type that is asked for. So a component holds the reading of each form once, not once for each visitor.
impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Failure;

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_f64(self.number()?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_bool(self.boolean()?)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.null()?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.text()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_string(self.text()?.into_owned())
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_identifier(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_str(&self.text()?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.bytes()? {
            Cow::Borrowed(bytes) => visitor.visit_borrowed_bytes(bytes),
            Cow::Owned(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_byte_buf(self.bytes()?.into_owned())
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let left = self.length(major::ARRAY, "expected an array")?;
        self.seq(left, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let left = self.length(major::MAP, "expected a map")?;
        self.map(left, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_map(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.skip()?;
        visitor.visit_unit()
    }

    /// For types that take what comes, as untagged enums do.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let head = self.item()?;
        match head.major {
            major::BYTES => match self.string(head)? {
                Cow::Borrowed(bytes) => visitor.visit_borrowed_bytes(bytes),
                Cow::Owned(bytes) => visitor.visit_byte_buf(bytes),
            },
            major::TEXT => match utf8(self.string(head)?)? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            major::ARRAY => self.seq(head.length(), visitor),
            major::MAP => self.map(head.length(), visitor),
            _ => match (head.integer(), head.float(), head.info) {
                (Some(integer), ..) => match integer? {
                    Integer::Unsigned(value) => visitor.visit_u64(value),
                    Integer::Negative(value) => visitor.visit_i64(value),
                },
                (_, Some(value), _) => visitor.visit_f64(value),
                (.., simple::FALSE) => visitor.visit_bool(false),
                (.., simple::TRUE) => visitor.visit_bool(true),
                (.., simple::NULL | simple::UNDEFINED) => visitor.visit_unit(),
                _ => Err(MALFORMED),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let nothing = [simple::NULL, simple::UNDEFINED].map(|value| major::SIMPLE << 5 | value);
        if nothing.contains(&self.peek()?) {
            self.take(1)?;
            return visitor.visit_none();
        }
        self.nested(|reader| visitor.visit_some(reader))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        self.nested(|reader| visitor.visit_newtype_struct(reader))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let has_value = match self.peek()? {
            first if first >> 5 == major::TEXT => false,
            first if first == major::MAP << 5 | 1 => self.take(1).map(|_| true)?,
            _ => return Err(Failure::new("expected a variant")),
        };
        self.nested(|reader| visitor.visit_enum(Variant { reader, has_value }))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The items of an array, or the keys and values of a map.
struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: Length,
}

/// What `visit` makes of all of the items.
fn whole<'de, T>(
    mut items: Items<'_, 'de>,
    visit: impl FnOnce(&mut Items<'_, 'de>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let value = visit(&mut items)?;
    match items.has_more()? {
        false => Ok(value),
        true => Err(Failure::new("expected fewer items")),
    }
}

impl Items<'_, '_> {
    fn has_more(&mut self) -> Result<bool, Failure> {
        self.reader.has_more(&mut self.left)
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        match self.has_more()? {
            true => seed.deserialize(&mut *self.reader).map(Some),
            false => Ok(None),
        }
    }
}

impl<'de> MapAccess<'de> for &mut Items<'_, 'de> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        match self.has_more()? {
            true => seed.deserialize(&mut *self.reader).map(Some),
            false => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        seed.deserialize(&mut *self.reader)
    }
}

/// A variant's name, and its value if it has one.
struct Variant<'a, 'de> {
    reader: &'a mut Reader<'de>,
    has_value: bool,
}

impl<'de> Variant<'_, 'de> {
    fn value(self) -> Result<Self, Failure> {
        match self.has_value {
            true => Ok(self),
            false => Err(Failure::new("expected a variant with a value")),
        }
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Failure> {
        let name = seed.deserialize(&mut *self.reader)?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        if self.has_value {
            self.reader.skip()?;
        }
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Failure> {
        seed.deserialize(self.value()?.reader)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.value()?.reader.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Failure> {
        self.value()?.reader.deserialize_map(visitor)
    }
}
