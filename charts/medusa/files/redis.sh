# Starts Redis with a password that no list of processes shows. Medusa's queues live in it: every
# write is kept within a second, and nothing is thrown out where memory is short.
exec redis-server - <<END
port 6379
dir /data
appendonly yes
maxmemory-policy noeviction
requirepass $REDIS_PASSWORD
END
