"""Operations under /api/v2.0."""
