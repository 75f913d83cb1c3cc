"""Operations that several flows share."""
