/* noesp.so: LD_PRELOAD shim for a daemon that uses kernel XFRM on a kernel without ESP.
 *
 * Such a kernel answers every XFRM request about an ESP SA with an NLMSG_ERROR of -EPROTONOSUPPORT, or -ENOSYS where
 * it lacks the cipher (or -ESRCH, for an SA that so never existed). The shim turns those errors into success in what the daemon reads from NETLINK_XFRM
 * sockets, so the daemon believes that its SAs are installed and carries on with IKE. No ESP traffic flows: this is for
 * the exchanges only.
 *
 * build: gcc -O2 -Wall -shared -fPIC -o noesp.so noesp.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

static int is_xfrm(int fd)
{
	int domain = -1, protocol = -1;
	socklen_t length = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) || domain != AF_NETLINK)
		return 0;
	length = sizeof(protocol);
	return !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) && protocol == NETLINK_XFRM;
}

static ssize_t forgive(int fd, void *buffer, ssize_t length)
{
	struct nlmsghdr *header = buffer;
	int saved = errno;

	if (length >= (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) && is_xfrm(fd) && header->nlmsg_type == NLMSG_ERROR)
	{
		struct nlmsgerr *answer = NLMSG_DATA(header);
		if (answer->error == -EPROTONOSUPPORT || answer->error == -ENOSYS || answer->error == -ESRCH)
			answer->error = 0;
	}
	errno = saved;
	return length;
}

ssize_t recvfrom(int fd, void *restrict buffer, size_t size, int flags, struct sockaddr *restrict from,
		 socklen_t *restrict from_length)
{
	static ssize_t (*real)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
	if (!real)
		real = dlsym(RTLD_NEXT, "recvfrom");
	return forgive(fd, buffer, real(fd, buffer, size, flags, from, from_length));
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	static ssize_t (*real)(int, void *, size_t, int);
	if (!real)
		real = dlsym(RTLD_NEXT, "recv");
	return forgive(fd, buffer, real(fd, buffer, size, flags));
}

/* fortified builds call these two */
ssize_t __recvfrom_chk(int fd, void *restrict buffer, size_t size, size_t room, int flags, struct sockaddr *restrict from,
		       socklen_t *restrict from_length)
{
	(void)room;
	return recvfrom(fd, buffer, size, flags, from, from_length);
}

ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room, int flags)
{
	(void)room;
	return recv(fd, buffer, size, flags);
}
