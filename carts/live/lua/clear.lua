#!lua flags=allow-oom
-- Remove every line. The meta fields stay: without them the hash would vanish, and the next read
-- would bring the old lines back from their copy.
--
-- USES  clock, prelude, opening

local lines, skus = read_all_lines()
stage_removals('clear', lines, skus)

commit()
return reply('done')
