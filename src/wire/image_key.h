// How both sides name a module image: base/content_hash.h under this key. See worker/image_store.h for what guards against made-up collisions.
#pragma once
#include <stddef.h>

#include "base/content_hash.h"

namespace wire {

inline constexpr base::Digest kImageNameKey{0x6d6f64756c652069, 0x6d616765206e616d};
inline constexpr int kImagesWanted = -1;   // the result of a tfLoad that left the images out when the worker does not have them (any more)
inline constexpr size_t kMostImageNames = 16384;   // told at the start of a session

}  // namespace wire
