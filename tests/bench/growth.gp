# growth.gp - login time against the mailbox's size, for bench.sh: reads
# growth-first, growth-unchanged and growth-append, writes the file out.
set terminal svg size 800,520 background "white" font "sans-serif,13"
set output out
set logscale xy
set datafile missing "?"
set xlabel "mailbox, MB"
set ylabel "connect to the reply of STAT, ms"
set key left top
set grid
set format x "%.0f"
set format y "%g"
plot "growth-first" using 1:2 with linespoints lw 2 lc rgb "#0050b0" title "in.popd, first", \
     "growth-append" using 1:2 with linespoints lw 2 dt 2 lc rgb "#0050b0" title "in.popd, after append", \
     "growth-unchanged" using 1:2 with linespoints lw 2 dt 3 lc rgb "#0050b0" title "in.popd, unchanged", \
     "growth-unchanged" using 1:3 with linespoints lw 2 lc rgb "#b03000" title "popa3d", \
     "growth-first" using 1:4 with linespoints lw 2 lc rgb "#508000" title "Dovecot, first", \
     "growth-append" using 1:4 with linespoints lw 2 dt 2 lc rgb "#508000" title "Dovecot, after append", \
     "growth-unchanged" using 1:4 with linespoints lw 2 dt 3 lc rgb "#508000" title "Dovecot, unchanged"
