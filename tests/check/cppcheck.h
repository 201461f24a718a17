/* For cppcheck alone, which does not read the libraries' headers: macros that look like statements. */
#define json_array_foreach(array, index, value)                                                    \
    for (index = 0; (value = json_array_get(array, index)) != 0; index++)
#define json_object_foreach(object, key, value)                                                    \
    for (key = json_object_iter_key(json_object_iter(object));                                     \
         (value = json_object_get(object, key)) != 0; key = json_object_iter_key(0))
